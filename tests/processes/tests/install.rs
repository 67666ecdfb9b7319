//! The script that a cloud hands out, in a real shell: what it installs and pairs, and that it never does half of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use downloads::Archive;
use processes::{Cloud, offer_programs, offer_scripts, until};
use serde_json::Value;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);

/// A person on a machine where nothing is installed yet.
struct Person {
    home: PathBuf,
    path: String,
}

impl Person {
    fn new(cloud: &Cloud, name: &str) -> Result<Self> {
        let home = cloud.folder(name);
        fs::create_dir_all(&home)?;
        Ok(Self {
            home,
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        })
    }

    fn bin(&self) -> PathBuf {
        self.home.join(".local/bin")
    }

    /// Has only these programs, and scripts of the test's own.
    fn has_only(&mut self, programs: &[&str], scripts: &[(&str, &str)]) -> Result<()> {
        let place = self.home.join("tools");
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place)?;
        for name in programs {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
            let found = found.iter().find(|path| path.exists());
            symlink(
                found.with_context(|| format!("no {name}"))?,
                place.join(name),
            )?;
        }
        for (name, text) in scripts {
            let file = place.join(name);
            let _ = fs::remove_file(&file);
            fs::write(&file, format!("#!/bin/sh\n{text}\n"))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
        self.path = place.display().to_string();
        Ok(())
    }

    /// Pastes a line into a shell.
    async fn paste(&self, line: &str) -> Result<Output> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", &self.path)
            .current_dir(&self.home)
            .kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        Ok(output.context("the line does not return")??)
    }

    /// The script as it is, run with arguments; standard output and error of a run that failed with 1.
    async fn refused(&self, script: &str, arguments: &str) -> Result<String> {
        let file = self.home.join("install.sh");
        fs::write(&file, script)?;
        let output = self.paste(&format!("sh install.sh {arguments}")).await?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.code() == Some(1), "{output:?}");
        anyhow::ensure!(
            text.contains("Error: ") && text.contains("\nHint: "),
            "{text}"
        );
        Ok(text)
    }

    /// The names in the folder of programs, hidden ones too.
    fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.bin()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

async fn script(cloud: &Cloud) -> Result<String> {
    let answer = processes::http_client()?.get(format!("{}/install.sh", cloud.url()));
    Ok(answer.send().await?.error_for_status()?.text().await?)
}

#[tokio::test]
async fn one_line_installs_runt_and_pairs_the_machine() -> Result<()> {
    let cloud = Cloud::start().await?;
    offer_programs(&cloud.data().join("downloads"), "0.1.0")?;
    let person = Person::new(&cloud, "person")?;
    let code = cloud.pairing_code().await?;
    let line = format!(
        "curl -fsSL {}/install.sh | sh -s -- --code {code}",
        cloud.url()
    );
    let output = person.paste(&line).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("Installed runt 0.1.0"), "{said}");
    assert!(
        said.contains(&format!("Paired with {}", cloud.url())),
        "{said}"
    );
    let hint = format!("export PATH=\"{}:$PATH\"", person.bin().display());
    assert!(errors.contains(&hint), "{errors}");
    assert_eq!(person.installed(), ["runt", "runtimed"]);
    let file = person.home.join(".config/runt/workstation.json");
    let stored: Value = serde_json::from_slice(&fs::read(&file)?)?;
    let rows = cloud.workstations().await?;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["workstation_id"], stored["workstation_id"]);

    // A second time, over the first, by wget, with the words of the command line, and found on the PATH.
    let mut person = person;
    person.path = format!("{}:{}", person.bin().display(), person.path);
    let path = person.path.clone();
    person.has_only(WITHOUT_CURL, &[])?;
    person.path = format!("{}:{}", person.bin().display(), person.path);
    let code = cloud.pairing_code().await?;
    let line = format!(
        "wget -qO- {}/install.sh | sh -s -- connect --code {code} --id other",
        cloud.url()
    );
    let output = person.paste(&line).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("PATH"), "{errors}");
    until("the machine of the second line", LIMIT, async || {
        let rows = cloud.workstations().await?;
        Ok(rows
            .iter()
            .any(|row| row["workstation_id"] == "other")
            .then_some(()))
    })
    .await?;

    // A code that is spent: runt is there, and the line fails as the pairing did.
    person.path = path;
    let line = format!(
        "curl -fsSL {}/install.sh | sh -s -- --code {code}",
        cloud.url()
    );
    let output = person.paste(&line).await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("already used"));
    Ok(())
}

/// What the script needs beside a shell; curl is not among it.
const WITHOUT_CURL: &[&str] = &[
    "sh",
    "wget",
    "tar",
    "gzip",
    "mktemp",
    "mkdir",
    "chmod",
    "mv",
    "rm",
    "uname",
    "getconf",
    "sha256sum",
];

/// A cloud that offers something, and a person who has another `runt`.
struct Scene {
    cloud: Cloud,
    person: Person,
    script: String,
    archive: Archive,
    /// Where the archive is, and its bytes.
    file: PathBuf,
    bytes: Vec<u8>,
}

const OLD: &str = "the old one";

impl Scene {
    async fn new() -> Result<Self> {
        let cloud = Cloud::start().await?;
        let person = Person::new(&cloud, "person")?;
        let downloads = cloud.data().join("downloads");
        let archive = offer_scripts(&downloads, "1.0.0")?;
        fs::create_dir_all(person.bin())?;
        fs::write(person.bin().join("runt"), OLD)?;
        let file = downloads.join(&archive.file);
        Ok(Self {
            script: script(&cloud).await?,
            bytes: fs::read(&file)?,
            cloud,
            person,
            archive,
            file,
        })
    }

    fn is_untouched(&self) -> bool {
        let old = fs::read_to_string(self.person.bin().join("runt"));
        self.person.installed() == ["runt"] && old.is_ok_and(|text| text == OLD)
    }

    /// The script fails, says this, and changes nothing.
    async fn refuses(&self, script: &str, says: &str) -> Result<()> {
        let told = self.person.refused(script, "--code XXXX").await?;
        anyhow::ensure!(told.contains(says) && self.is_untouched(), "{told}");
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_left_half_installed() -> Result<()> {
    let scene = Scene::new().await?;
    let Scene {
        script,
        archive,
        file,
        bytes,
        ..
    } = &scene;
    // Cut anywhere, it does nothing.
    let last_line = script.len() - "{ main \"$@\"; }\n".len();
    let ends = [script.len() / 3, script.len() * 2 / 3];
    for end in ends.into_iter().chain(last_line..script.len() - 2) {
        fs::write(scene.person.home.join("cut.sh"), &script[..end])?;
        scene.person.paste("sh cut.sh").await?;
        assert!(scene.is_untouched(), "cut at {end}");
    }
    let mut spoilt = bytes.clone();
    spoilt[bytes.len() / 2] ^= 1;
    fs::write(file, spoilt)?;
    scene.refuses(script, "is not what").await?;
    fs::remove_file(file)?;
    scene.refuses(script, "could not be downloaded").await?;
    // A program that does not start here.
    let broken = offer_broken(&scene.cloud.folder("broken"), &archive.target)?;
    fs::write(file, broken.1)?;
    let other = script.replace(&archive.sha256, &broken.0);
    scene.refuses(&other, "does not start").await?;
    fs::write(file, bytes)?;
    let needs = |library: &str| format!("{} {library}\n", archive.sha256);
    let unfit = script.replace(&needs("-"), &needs("99.1"));
    scene.refuses(&unfit, "C library 99.1").await
}

#[tokio::test]
async fn what_is_missing_is_said_with_what_helps() -> Result<()> {
    let empty = Cloud::start().await?;
    let person = Person::new(&empty, "person")?;
    let told = person.refused(&script(&empty).await?, "").await?;
    assert!(told.contains("offers no runt for"), "{told}");
    assert!(!person.bin().exists());

    let mut scene = Scene::new().await?;
    let script = scene.script.clone();
    let uname = ("uname", "case $1 in -s) echo Plan9;; -m) echo arm64;; esac");
    scene.person.has_only(WITHOUT_CURL, &[uname])?;
    scene.refuses(&script, "no runt for Plan9-aarch64").await?;
    for (missing, says) in [
        ("wget", "neither curl nor wget"),
        ("sha256sum", "cannot be checked"),
    ] {
        let others = WITHOUT_CURL.iter().copied();
        let others: Vec<&str> = others.filter(|name| *name != missing).collect();
        scene.person.has_only(&others, &[])?;
        scene.refuses(&script, says).await?;
    }

    // And now it goes well, elsewhere.
    scene.person.has_only(WITHOUT_CURL, &[])?;
    fs::write(scene.person.home.join("install.sh"), &script)?;
    let line = "RUNT_INSTALL_DIR=programs sh install.sh";
    let output = scene.person.paste(line).await?;
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Installed runt 1.0.0"));
    assert!(scene.is_untouched());
    assert!(scene.person.home.join("programs/runtimed").is_file());
    Ok(())
}

/// The digest and the bytes of an archive whose `runtimed` fails.
fn offer_broken(folder: &Path, target: &str) -> Result<(String, Vec<u8>)> {
    fs::create_dir_all(folder)?;
    let program = folder.join("program");
    fs::write(&program, "#!/bin/sh\nexit 7\n")?;
    let package = downloads::Package {
        name: "runt".into(),
        version: "1.0.0".into(),
        target: target.to_owned(),
    };
    let items = ["runt", "runtimed"].map(|name| downloads::Item::program(name, program.clone()));
    let archive = downloads::pack(folder, &package, &items, downloads::Effort::Quick)?;
    Ok((archive.sha256, fs::read(folder.join(archive.file))?))
}
