//! Invites by e-mail address and requests for access.

use store::{AccessRequest, Invitations, Invite, NewInvite, Result, sql};

use super::SqlCatalog;
use crate::db::{Row, Transaction};

fn invite(row: &Row) -> Result<Invite> {
    Ok(Invite {
        id: row.get("id")?,
        notebook_id: row.get("notebook_id")?,
        email: row.get("email")?,
        provider_hint: row.get("provider_hint")?,
        scope: row.get("scope")?,
        status: row.get("status")?,
        invited_by_actor_label: row.get("invited_by_actor_label")?,
        accepted_by_principal: row.get("accepted_by_principal")?,
        created_ms: row.get("created_ms")?,
        expires_text: row.get("expires_text")?,
        accepted_ms: row.get("accepted_ms")?,
        revoked_ms: row.get("revoked_ms")?,
        revoked_by_actor_label: row.get("revoked_by_actor_label")?,
    })
}

fn request(row: &Row) -> Result<AccessRequest> {
    Ok(AccessRequest {
        id: row.get("id")?,
        notebook_id: row.get("notebook_id")?,
        requester_principal: row.get("requester_principal")?,
        scope: row.get("scope")?,
        status: row.get("status")?,
        requested_by_actor_label: row.get("requested_by_actor_label")?,
        resolved_by_actor_label: row.get("resolved_by_actor_label")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        resolved_ms: row.get("resolved_ms")?,
    })
}

async fn grant(
    open: &mut Transaction<'_>,
    notebook_id: &str,
    principal: &str,
    scope: &str,
    actor_label: &str,
    now_ms: i64,
) -> Result<()> {
    open.run(sql::INVITE_GRANT)
        .bind(notebook_id)
        .bind(principal)
        .bind(scope)
        .bind(now_ms)
        .bind(actor_label)
        .execute()
        .await?;
    Ok(())
}

impl Invitations for SqlCatalog {
    async fn create_invite(&self, new: &NewInvite) -> Result<Invite> {
        let hint = new.provider_hint.as_deref().unwrap_or_default();
        let mut open = self.db.begin("store an invite").await?;
        // One that has run out would stand in the way of the new one.
        open.run(sql::INVITE_RETIRE)
            .bind(&new.notebook_id)
            .bind(&new.email)
            .bind(&new.scope)
            .bind(hint)
            .bind(new.now_ms)
            .bind(&new.actor_label)
            .execute()
            .await?;
        open.run(sql::INVITE_INSERT)
            .bind(&new.id)
            .bind(&new.notebook_id)
            .bind(&new.email)
            .bind(&new.provider_hint)
            .bind(&new.scope)
            .bind(&new.actor_label)
            .bind(new.now_ms)
            .bind(&new.expires_text)
            .bind(new.expires_ms)
            .execute()
            .await?;
        let stored = open
            .run(sql::INVITE_PENDING)
            .bind(&new.notebook_id)
            .bind(&new.email)
            .bind(&new.scope)
            .bind(hint)
            .one(invite)
            .await?;
        open.commit().await?;
        Ok(stored)
    }

    async fn invites(&self, notebook_id: &str, limit: i64) -> Result<Vec<Invite>> {
        self.db
            .read(sql::INVITE_LIST, "list invites")
            .bind(notebook_id)
            .bind(limit)
            .all(invite)
            .await
    }

    async fn revoke_invite(
        &self,
        notebook_id: &str,
        id: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let done = self
            .db
            .write(sql::INVITE_REVOKE, "revoke an invite")
            .bind(notebook_id)
            .bind(id)
            .bind(now_ms)
            .bind(actor_label)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn accept_invites(
        &self,
        email: &str,
        provider: &str,
        principal: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<Vec<String>> {
        let mut open = self.db.begin("accept invites").await?;
        let accepted: Vec<(String, String)> = open
            .run(sql::INVITE_ACCEPT)
            .bind(email)
            .bind(provider)
            .bind(principal)
            .bind(now_ms)
            .all(|row| Ok((row.get("notebook_id")?, row.get("scope")?)))
            .await?;
        for (notebook_id, scope) in &accepted {
            grant(
                &mut open,
                notebook_id,
                principal,
                scope,
                actor_label,
                now_ms,
            )
            .await?;
        }
        open.commit().await?;
        Ok(accepted.into_iter().map(|(id, _)| id).collect())
    }

    async fn create_access_request(
        &self,
        id: &str,
        notebook_id: &str,
        requester: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<(AccessRequest, bool)> {
        let mut open = self.db.begin("store an access request").await?;
        let made = open
            .run(sql::ACCESS_REQUEST_INSERT)
            .bind(id)
            .bind(notebook_id)
            .bind(requester)
            .bind(actor_label)
            .bind(now_ms)
            .execute()
            .await?;
        let stored = open
            .run(sql::ACCESS_REQUEST_PENDING)
            .bind(notebook_id)
            .bind(requester)
            .one(request)
            .await?;
        open.commit().await?;
        Ok((stored, made == 1))
    }

    async fn access_requests(&self, notebook_id: &str, limit: i64) -> Result<Vec<AccessRequest>> {
        self.db
            .read(sql::ACCESS_REQUEST_LIST, "list access requests")
            .bind(notebook_id)
            .bind(limit)
            .all(request)
            .await
    }

    async fn latest_access_request(
        &self,
        notebook_id: &str,
        requester: &str,
    ) -> Result<Option<AccessRequest>> {
        self.db
            .read(sql::ACCESS_REQUEST_LATEST, "find an access request")
            .bind(notebook_id)
            .bind(requester)
            .optional(request)
            .await
    }

    async fn resolve_access_request(
        &self,
        notebook_id: &str,
        id: &str,
        status: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> Result<Option<AccessRequest>> {
        let mut open = self.db.begin("answer an access request").await?;
        let answered = open
            .run(sql::ACCESS_REQUEST_RESOLVE)
            .bind(notebook_id)
            .bind(id)
            .bind(status)
            .bind(actor_label)
            .bind(now_ms)
            .optional(request)
            .await?;
        if let Some(answered) = &answered
            && status == "approved"
        {
            let requester = &answered.requester_principal;
            grant(
                &mut open,
                notebook_id,
                requester,
                &answered.scope,
                actor_label,
                now_ms,
            )
            .await?;
        }
        open.commit().await?;
        Ok(answered)
    }
}
