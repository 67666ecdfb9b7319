//! People: account links, off-boarding, and sign-ins that have begun.

use store::{AccountLink, People, Person, ProviderSignIn, Result, Standing, sql};

use super::SqlCatalog;
use crate::db::{Row, Transaction};

/// How long a note to disconnect somebody is kept; servers read them every second.
const DISCONNECT_KEEP_MS: i64 = 86_400_000;

/// What is moved from one principal to another, in order; those that keep a row both have are
/// followed by one that drops it.
const MOVES: &[&str] = &[
    sql::MOVE_ACL_COPY,
    sql::MOVE_NOTEBOOKS,
    sql::MOVE_SESSIONS,
    sql::MOVE_API_TOKENS,
    sql::MOVE_PAIRING_CODES,
    sql::MOVE_CREDENTIALS,
    sql::MOVE_WORKSTATIONS,
    sql::MOVE_DEFAULT,
    sql::MOVE_JOBS,
    sql::MOVE_REMOVED,
    sql::MOVE_MACHINE_SETTINGS,
    sql::MOVE_MACHINE_EVENTS,
];
const DROPS: &[&str] = &[
    sql::MOVE_ACL_DROP,
    sql::MOVE_WORKSTATIONS_DROP,
    sql::MOVE_DEFAULT_DROP,
    sql::MOVE_REMOVED_DROP,
    sql::MOVE_MACHINE_SETTINGS_DROP,
];
const ENDS: &[&str] = &[
    sql::PERSON_END_SESSIONS,
    sql::PERSON_END_API_TOKENS,
    sql::PERSON_END_PAIRING_CODES,
    sql::PERSON_END_CREDENTIALS,
    sql::PERSON_END_SIGN_IN_TOKENS,
];

async fn move_all(open: &mut Transaction<'_>, from: &str, to: &str) -> Result<()> {
    open.run(sql::MOVE_REQUESTS_DROP)
        .bind(from)
        .bind(to)
        .execute()
        .await?;
    open.run(sql::MOVE_REQUESTS)
        .bind(from)
        .bind(to)
        .execute()
        .await?;
    for statement in MOVES {
        open.run(*statement).bind(from).bind(to).execute().await?;
    }
    for statement in DROPS {
        open.run(*statement).bind(from).execute().await?;
    }
    Ok(())
}

fn person(row: &Row) -> Result<Person> {
    Ok(Person {
        principal: row.get("principal")?,
        provider: row.get("provider")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        last_seen_ms: row.get("last_seen_ms")?,
        disabled_ms: row.get("disabled_ms")?,
        notebooks: row.get("notebooks")?,
        workstations: row.get("workstations")?,
    })
}

impl People for SqlCatalog {
    async fn standing(&self, principal: &str, now_ms: i64) -> Result<Standing> {
        self.db
            .read(sql::PERSON_STANDING, "look a person up")
            .bind(principal)
            .bind(now_ms)
            .one(|row| {
                Ok(Standing {
                    canonical: row.get("canonical")?,
                    disabled: row.get("disabled")?,
                    invited: row.get("invited")?,
                })
            })
            .await
    }

    async fn link_account(&self, link: &AccountLink) -> Result<Vec<String>> {
        let mut open = self.db.begin("link an account").await?;
        let before: Option<String> = open
            .run(sql::ACCOUNT_LINK_GET)
            .bind(&link.transport)
            .optional(|row| row.get(0))
            .await?;
        open.run(sql::ACCOUNT_LINK_UPSERT)
            .bind(&link.transport)
            .bind(&link.canonical)
            .bind(&link.provider)
            .bind(&link.email)
            .bind(link.now_ms)
            .execute()
            .await?;
        let mut from = Vec::new();
        if before.as_ref() == Some(&link.canonical) {
            // Rows that were granted to the way itself since.
            for statement in [sql::MOVE_ACL_COPY, sql::MOVE_ACL_DROP] {
                let run = open.run(statement).bind(&link.transport);
                if statement == sql::MOVE_ACL_COPY {
                    run.bind(&link.canonical).execute().await?;
                } else {
                    run.execute().await?;
                }
            }
        } else {
            move_all(&mut open, &link.transport, &link.canonical).await?;
            from.push(link.transport.clone());
            if let Some(before) = before {
                let others: i64 = open
                    .run(sql::ACCOUNT_LINK_OTHERS)
                    .bind(&before)
                    .bind(&link.transport)
                    .one(|row| row.get(0))
                    .await?;
                if others == 0 {
                    move_all(&mut open, &before, &link.canonical).await?;
                    from.push(before);
                } else {
                    // Others still come in by it: they keep what they have.
                    open.run(sql::MOVE_ACL_COPY)
                        .bind(&before)
                        .bind(&link.canonical)
                        .execute()
                        .await?;
                }
            }
        }
        open.commit().await?;
        Ok(from)
    }

    async fn disable_person(
        &self,
        principal: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let mut open = self.db.begin("disable a person").await?;
        let done = open
            .run(sql::PERSON_DISABLE)
            .bind(principal)
            .bind(now_ms)
            .bind(actor_label)
            .execute()
            .await?;
        for statement in ENDS {
            open.run(*statement)
                .bind(principal)
                .bind(now_ms)
                .execute()
                .await?;
        }
        open.commit().await?;
        Ok(done == 1)
    }

    async fn enable_person(&self, principal: &str) -> Result<bool> {
        let done = self
            .db
            .write(sql::PERSON_ENABLE, "enable a person")
            .bind(principal)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn people(&self) -> Result<Vec<Person>> {
        self.db
            .read(sql::PERSON_LIST, "list people")
            .all(person)
            .await
    }

    async fn owned_notebooks(&self, principal: &str) -> Result<Vec<String>> {
        self.db
            .read(sql::PERSON_OWNED, "list what a person owns")
            .bind(principal)
            .all(|row| row.get(0))
            .await
    }

    async fn hand_over(
        &self,
        from: &str,
        to: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<Vec<String>> {
        let mut open = self.db.begin("hand notebooks over").await?;
        let owned = open
            .run(sql::PERSON_OWNED)
            .bind(from)
            .all(|row| row.get(0))
            .await?;
        open.run(sql::PERSON_HAND_OVER_ROWS)
            .bind(from)
            .bind(to)
            .bind(now_ms)
            .bind(actor_label)
            .execute()
            .await?;
        open.run(sql::PERSON_HAND_OVER_DROP)
            .bind(from)
            .execute()
            .await?;
        open.run(sql::MOVE_NOTEBOOKS)
            .bind(from)
            .bind(to)
            .execute()
            .await?;
        open.commit().await?;
        Ok(owned)
    }

    async fn note_disconnect(&self, principal: &str, now_ms: i64) -> Result<()> {
        let mut open = self.db.begin("note whom to disconnect").await?;
        open.run(sql::DISCONNECT_PURGE)
            .bind(now_ms - DISCONNECT_KEEP_MS)
            .execute()
            .await?;
        open.run(sql::DISCONNECT_NOTE)
            .bind(principal)
            .bind(now_ms)
            .execute()
            .await?;
        open.commit().await
    }

    async fn disconnects_after(&self, id: i64) -> Result<Vec<(i64, String)>> {
        self.db
            .read(sql::DISCONNECT_AFTER, "read whom to disconnect")
            .bind(id)
            .all(|row| Ok((row.get(0)?, row.get(1)?)))
            .await
    }

    async fn last_disconnect(&self) -> Result<i64> {
        self.db
            .read(sql::DISCONNECT_LAST, "read whom to disconnect")
            .one(|row| row.get(0))
            .await
    }

    async fn begin_provider_sign_in(
        &self,
        state_hash: &str,
        begun: &ProviderSignIn,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<()> {
        let mut open = self.db.begin("begin a sign-in").await?;
        open.run(sql::PROVIDER_SIGN_IN_PURGE)
            .bind(now_ms)
            .execute()
            .await?;
        open.run(sql::PROVIDER_SIGN_IN_INSERT)
            .bind(state_hash)
            .bind(&begun.nonce)
            .bind(&begun.verifier)
            .bind(&begun.next)
            .bind(expires_ms)
            .execute()
            .await?;
        open.commit().await
    }

    async fn take_provider_sign_in(
        &self,
        state_hash: &str,
        now_ms: i64,
    ) -> Result<Option<ProviderSignIn>> {
        self.db
            .write(sql::PROVIDER_SIGN_IN_TAKE, "end a sign-in")
            .bind(state_hash)
            .bind(now_ms)
            .optional(|row| {
                Ok(ProviderSignIn {
                    nonce: row.get("nonce")?,
                    verifier: row.get("verifier")?,
                    next: row.get("next")?,
                })
            })
            .await
    }
}
