//! Notebooks: create, get, rename (3.1, 3.3, 3.4).

use serde_json::{Map, Value};
use store::{FirstBlobs, NewNotebook, Notebook, Notebooks};
use wire::Scope;

use crate::{Caller, Effect, Fields, Refusal, Result, limits};

/// Crockford's base 32, as ULIDs use it.
const ULID_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A checked create body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateInput {
    /// The title as given.
    pub title: Option<String>,
    /// Only for the viewer's address; not stored.
    pub vanity_name: Option<String>,
    /// Echoed, not stored.
    pub source_notebook_id: Option<String>,
    /// Echoed; the title where none is given.
    pub source_notebook_name: Option<String>,
}

impl CreateInput {
    /// The title to store.
    pub fn effective_title(&self) -> Option<&str> {
        self.title
            .as_deref()
            .or(self.source_notebook_name.as_deref())
    }

    /// The last path segment of the viewer's address, not yet encoded.
    pub fn slug(&self) -> &str {
        self.vanity_name
            .as_deref()
            .or(self.effective_title())
            .unwrap_or("notebook")
    }
}

/// Checks a create body in the order of 3.1.
pub fn parse_create(body: &Map<String, Value>) -> Result<CreateInput> {
    let fields = Fields::new(body);
    let vanity_name = fields.optional("vanity_name", limits::VANITY)?;
    let title = fields.optional("title", limits::TITLE)?;
    Ok(CreateInput {
        title,
        vanity_name,
        source_notebook_id: fields.optional("source_notebook_id", 256)?,
        source_notebook_name: fields.optional("source_notebook_name", 256)?,
    })
}

/// What an owner's repair is to do (2.24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairInput {
    /// What to say about it.
    pub reason: String,
    /// Also while a runtime peer is connected.
    pub force: bool,
}

/// Checks a repair body.
pub fn parse_repair(body: &Map<String, Value>) -> Result<RepairInput> {
    let fields = Fields::new(body);
    let reason = fields.optional_words("reason", limits::REPAIR_REASON)?;
    Ok(RepairInput {
        reason: reason.unwrap_or_else(|| "manual runtime state repair".to_owned()),
        force: fields.is_true("force"),
    })
}

/// Refuses callers whose requested scope may not create notebooks.
pub fn may_create(caller: &Caller, requested: Scope) -> Result<()> {
    if caller.anonymous || requested != Scope::Owner {
        let scope = if caller.anonymous {
            Scope::Viewer
        } else {
            requested
        };
        return Err(Refusal::Forbidden(format!(
            "{scope} cannot create notebooks"
        )));
    }
    Ok(())
}

const NO_ID: Refusal = Refusal::Failed("could not allocate notebook id");

/// Creates a notebook owned by the caller; `entropy` gives each attempt's random part.
pub async fn create<S: Notebooks>(
    store: &S,
    caller: &Caller,
    title: Option<&str>,
    now_ms: i64,
    mut entropy: impl FnMut() -> [u8; 10] + Send,
) -> Result<Notebook> {
    for _ in 0..limits::ID_ATTEMPTS {
        let new = new(caller, title, now_ms, ulid(now_ms, entropy()));
        if store.create_notebook(&new).await?
            && let Some(notebook) = store.notebook(&new.id).await?
        {
            return Ok(notebook);
        }
    }
    Err(NO_ID)
}

/// An id that no notebook has, for one whose documents are stored before it is made.
pub async fn free_id<S: Notebooks>(
    store: &S,
    now_ms: i64,
    mut entropy: impl FnMut() -> [u8; 10] + Send,
) -> Result<String> {
    for _ in 0..limits::ID_ATTEMPTS {
        let id = ulid(now_ms, entropy());
        if store.notebook(&id).await?.is_none() {
            return Ok(id);
        }
    }
    Err(NO_ID)
}

/// Creates the notebook that a [`free_id`] was for, with what its first documents name.
pub async fn create_as<S: Notebooks>(
    store: &S,
    caller: &Caller,
    title: Option<&str>,
    now_ms: i64,
    id: String,
    blobs: &FirstBlobs,
) -> Result<Notebook> {
    let new = new(caller, title, now_ms, id);
    if !store.create_notebook_with(&new, blobs).await? {
        return Err(NO_ID);
    }
    store.notebook(&new.id).await?.ok_or(NO_ID)
}

fn new(caller: &Caller, title: Option<&str>, now_ms: i64, id: String) -> NewNotebook {
    NewNotebook {
        id,
        owner_principal: caller.principal.clone(),
        title: title.map(str::to_owned),
        created_ms: now_ms,
        actor_label: caller.actor_label.clone(),
    }
}

/// The title of a copy: as asked for, else after the first notebook's, within the limit.
pub fn title_of_copy(asked: Option<String>, first: Option<&str>) -> String {
    const SUFFIX: &str = " (copy)";
    asked.unwrap_or_else(|| {
        let room = limits::TITLE - SUFFIX.len();
        let mut length = 0;
        let kept = first.unwrap_or("Untitled").chars().take_while(|letter| {
            length += letter.len_utf16();
            length <= room
        });
        kept.chain(SUFFIX.chars()).collect()
    })
}

/// The scope a caller of the notebook's page is tried with (3.3).
pub fn page_scope(caller: &Caller) -> Scope {
    if caller.anonymous {
        Scope::Viewer
    } else {
        Scope::Owner
    }
}

/// Checks a rename body: the new title, or none to clear it.
pub fn parse_rename(body: Option<&Map<String, Value>>) -> Result<Option<String>> {
    let member = body
        .and_then(|members| members.get("title"))
        .ok_or_else(|| Refusal::invalid("title is required"))?;
    match member {
        Value::Null => Ok(None),
        Value::String(text) => {
            let text = text.trim();
            if text.encode_utf16().count() > limits::TITLE {
                return Err(Refusal::invalid("title is too long"));
            }
            Ok((!text.is_empty()).then(|| text.to_owned()))
        }
        _ => Err(Refusal::invalid("title must be a string")),
    }
}

/// Renames a notebook the caller may edit. `authorize` with editor scope must have passed.
pub async fn rename<S: Notebooks>(
    store: &S,
    notebook_id: &str,
    title: Option<&str>,
    now_ms: i64,
) -> Result<()> {
    if store.rename_notebook(notebook_id, title, now_ms).await? {
        Ok(())
    } else {
        Err(Refusal::Absent("notebook not found"))
    }
}

/// Checks a body about a notebook's compute: minutes without execution after which it stops; 0 is never, null is what the
/// machine says.
pub fn parse_compute(body: &Map<String, Value>) -> Result<Option<i64>> {
    if !body.contains_key("idle_minutes") {
        return Err(Refusal::invalid("idle_minutes is required"));
    }
    crate::registration::idle_minutes(&Fields::new(body))
}

/// Sets after how many minutes a notebook's unused compute stops. `authorize` with owner scope must have passed.
pub async fn set_idle_minutes<S: Notebooks>(
    store: &S,
    notebook_id: &str,
    minutes: Option<i64>,
) -> Result<Vec<Effect>> {
    if !store.set_idle_minutes(notebook_id, minutes).await? {
        return Err(Refusal::Absent("notebook not found"));
    }
    Ok(vec![Effect::IdleMinutes {
        notebook_id: notebook_id.to_owned(),
        minutes,
    }])
}

/// A 26-character ULID: 48 bits of time, 80 random bits.
pub fn ulid(now_ms: i64, entropy: [u8; 10]) -> String {
    let time = u128::from(u64::try_from(now_ms).unwrap_or_default() & 0xffff_ffff_ffff);
    let random = entropy
        .iter()
        .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = time << 80 | random;
    (0..26)
        .rev()
        .map(|position| char::from(ULID_ALPHABET[(bits >> (5 * position) & 31) as usize]))
        .collect()
}

#[cfg(test)]
mod tests;
