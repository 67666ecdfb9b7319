//! A person's list of notebooks: views, search by title, pages that continue where one ended (3.2).
//!
//! Views, search and cursor are additive: a request without them is answered as the spec says.

mod compute;

pub use compute::session as compute_session;

use store::{Library, ListPlace, ListedNotebook};

use crate::{Caller, Refusal, Result, limits};

/// What an untitled notebook is found under.
const UNTITLED: &str = "untitled";

/// Which notebooks of a person to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Everything that names the person.
    #[default]
    All,
    /// What the person owns.
    Owned,
    /// What others shared with the person.
    Shared,
    /// What the person owns and put in the trash.
    Trash,
}

/// A checked request for a page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    view: View,
    words: Vec<String>,
    after: ListPlace,
    limit: i64,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The page, newest change first.
    pub notebooks: Vec<ListedNotebook>,
    /// How many notebooks the request covers in all, on every page.
    pub total: i64,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

impl ListQuery {
    /// Checks the query members of a list; runs before authentication (CP-268).
    ///
    /// # Errors
    /// A limit, view or cursor that is none, or a search that is too long.
    pub fn parse(
        limit: Option<&str>,
        view: Option<&str>,
        search: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Self> {
        let limit = crate::fields::limit(limit, limits::NOTEBOOKS_DEFAULT, limits::NOTEBOOKS_MAX)?;
        let view = match view.map(str::trim).filter(|text| !text.is_empty()) {
            None | Some("all") => View::All,
            Some("owned") => View::Owned,
            Some("shared") => View::Shared,
            Some("trash") => View::Trash,
            Some(_) => {
                return Err(Refusal::invalid(
                    "view must be all, owned, shared, or trash",
                ));
            }
        };
        let search = search.unwrap_or_default().trim();
        if search.encode_utf16().count() > limits::TITLE {
            return Err(Refusal::invalid("q is too long"));
        }
        let after = match cursor.map(str::trim).filter(|text| !text.is_empty()) {
            None => ListPlace::START,
            Some(text) => read_cursor(text).ok_or_else(|| Refusal::invalid("cursor is invalid"))?,
        };
        Ok(Self {
            view,
            words: search
                .to_lowercase()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            after,
            limit,
        })
    }

    /// Which notebooks are asked for.
    pub fn view(&self) -> View {
        self.view
    }

    fn takes(&self, listed: &ListedNotebook) -> bool {
        let owns = listed.scope == "owner";
        let in_view = match self.view {
            View::All => true,
            View::Owned | View::Trash => owns,
            View::Shared => !owns,
        };
        in_view && self.finds(listed.notebook.title.as_deref())
    }

    /// Every word occurs in the title, whatever the case.
    fn finds(&self, title: Option<&str>) -> bool {
        let title = title.map_or_else(|| UNTITLED.to_owned(), str::to_lowercase);
        self.words.iter().all(|word| title.contains(word.as_str()))
    }
}

/// Lists a page of the caller's notebooks.
///
/// # Errors
/// Nobody is signed in, or the store fails.
pub async fn list<S: Library>(store: &S, caller: &Caller, query: &ListQuery) -> Result<Listing> {
    caller.signed_in("sign in to list notebooks")?;
    if query.view == View::All && query.words.is_empty() {
        whole(store, &caller.principal, query).await
    } else {
        chosen(store, &caller.principal, query).await
    }
}

async fn whole<S: Library>(store: &S, principal: &str, query: &ListQuery) -> Result<Listing> {
    let total = store.library_size(principal, false).await?;
    let mut notebooks = store
        .library_page(principal, false, &query.after, query.limit + 1)
        .await?;
    let page = usize::try_from(query.limit).unwrap_or_default();
    let more = notebooks.len() > page;
    notebooks.truncate(page);
    Ok(Listing {
        next_cursor: notebooks.last().filter(|_| more).map(cursor_after),
        notebooks,
        total,
    })
}

/// Looks the list through: titles are compared here, so that every database finds the same.
async fn chosen<S: Library>(store: &S, principal: &str, query: &ListQuery) -> Result<Listing> {
    let page = usize::try_from(query.limit).unwrap_or_default();
    let trashed = query.view == View::Trash;
    let mut listing = Listing {
        notebooks: Vec::new(),
        total: 0,
        next_cursor: None,
    };
    let mut place = ListPlace::START;
    let mut seen = 0;
    while seen < limits::NOTEBOOKS_LOOKED_THROUGH {
        let rows = store
            .library_page(principal, trashed, &place, limits::NOTEBOOKS_MAX)
            .await?;
        let Some(last) = rows.last() else { break };
        place = ListPlace::of(last);
        seen += rows.len();
        let ended = rows.len() < usize::try_from(limits::NOTEBOOKS_MAX).unwrap_or_default();
        for row in rows.into_iter().filter(|row| query.takes(row)) {
            listing.total += 1;
            if !is_after(&row, &query.after) {
                continue;
            }
            if listing.notebooks.len() < page {
                listing.notebooks.push(row);
            } else if listing.next_cursor.is_none() {
                listing.next_cursor = listing.notebooks.last().map(cursor_after);
            }
        }
        if ended {
            break;
        }
    }
    Ok(listing)
}

fn is_after(row: &ListedNotebook, place: &ListPlace) -> bool {
    let notebook = &row.notebook;
    (
        notebook.updated_ms,
        notebook.created_ms,
        notebook.id.as_str(),
    ) < (place.updated_ms, place.created_ms, place.id.as_str())
}

fn cursor_after(row: &ListedNotebook) -> String {
    let place = ListPlace::of(row);
    format!("{:x}.{:x}.{}", place.updated_ms, place.created_ms, place.id)
}

fn read_cursor(text: &str) -> Option<ListPlace> {
    let mut parts = text.splitn(3, '.');
    let mut time = || i64::from_str_radix(parts.next()?, 16).ok();
    let (updated_ms, created_ms) = (time()?, time()?);
    let id = parts.next().filter(|id| !id.is_empty())?;
    (id.len() <= limits::ID).then(|| ListPlace {
        updated_ms,
        created_ms,
        id: id.to_owned(),
    })
}

#[cfg(test)]
mod tests;
