//! Names of the people who wrote a notebook's comments (3.8).

use std::collections::BTreeSet;

use store::{Catalog, Notebook};
use wire::ActorLabel;

use crate::people::{account_of, normalise_email};
use crate::{Refusal, Result};

/// The most principals that one request may ask for.
const PRINCIPALS: usize = 100;
/// The longest label, in characters; a longer one is skipped.
const LABEL: usize = 512;

/// What is told of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorProfile {
    /// Who.
    pub principal: String,
    /// A name for people; never an e-mail address.
    pub label: Option<String>,
}

/// The distinct principals that a request's labels name, in their order; what is no label is
/// skipped.
///
/// # Errors
/// They are too many.
pub fn asked(labels: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for principal in labels.iter().filter_map(|label| principal(label)) {
        if !found.contains(&principal) {
            found.push(principal);
        }
        if found.len() > PRINCIPALS {
            return Err(Refusal::invalid(
                "author profile lookup is limited to 100 principals",
            ));
        }
    }
    Ok(found)
}

fn principal(label: &str) -> Option<String> {
    if label.chars().count() > LABEL {
        return None;
    }
    let label = ActorLabel::parse(label).ok()?;
    Some(label.principal.to_string())
}

/// The profiles of those who are asked for, hold access and wrote comments; of others, silence.
/// `authors` are the labels that the notebook's comments carry.
pub async fn read<S: Catalog>(
    store: &S,
    notebook: &Notebook,
    asked: &[String],
    authors: &BTreeSet<String>,
    now_ms: i64,
) -> Result<Vec<AuthorProfile>> {
    let authors: BTreeSet<String> = authors
        .iter()
        .filter_map(|label| principal(label))
        .collect();
    let rows = store.acl(&notebook.id).await?;
    let mut profiles = Vec::new();
    for principal in asked.iter().filter(|asked| authors.contains(*asked)) {
        let account = account_of(store, principal, now_ms).await?;
        let has_access = [principal, &account].into_iter().any(|name| {
            *name == notebook.owner_principal || rows.iter().any(|row| row.subject == *name)
        });
        if !has_access {
            continue;
        }
        let label = match name(store, principal).await? {
            None if account != *principal => name(store, &account).await?,
            label => label,
        };
        profiles.push(AuthorProfile {
            principal: principal.clone(),
            label,
        });
    }
    Ok(profiles)
}

/// The name in a profile, unless it is an address.
async fn name<S: Catalog>(store: &S, principal: &str) -> Result<Option<String>> {
    let profile = store.account(principal).await?;
    let name = profile.and_then(|profile| profile.display_name);
    Ok(name.filter(|name| !name.trim().is_empty() && normalise_email(name).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_principals_once_and_odd_ones_are_skipped() {
        let long = format!("user:dev:{}/x:1", "a".repeat(LABEL));
        let labels = ["user:dev:ada/a:1", "", "ada", "user:dev:ada/b:2", &long];
        assert_eq!(asked(&labels.map(str::to_owned)).unwrap(), ["user:dev:ada"]);
    }

    // CP-303
    #[test]
    fn cp_303_a_hundred_principals_may_be_asked_for() {
        let mut labels: Vec<String> = (0..PRINCIPALS)
            .map(|n| format!("user:dev:u{n}/a:1"))
            .collect();
        assert_eq!(asked(&labels).unwrap().len(), 100);
        labels.push("user:dev:one-more/a:1".to_owned());
        let refused = asked(&labels).unwrap_err().to_string();
        let text = "author profile lookup is limited to 100 principals";
        assert_eq!(refused, text);
    }
}
