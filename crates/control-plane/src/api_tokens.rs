//! API tokens: what a person gives a program, so that it acts as the person within a scope.

use serde_json::{Map, Value};
use store::{ApiToken, ApiTokens, AuditEvent, AuditTrail, NewApiToken};
use wire::Scope;
use wire::token::checksum_holds;

use crate::access::{self, AccountAct};
use crate::secrets::{hash_secret, same_hash};
use crate::{Caller, Effect, Fields, Refusal, Result, api_token, limits};

const SIGN_IN: &str = "sign in to manage API tokens";

/// A checked wish for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// The most it allows.
    pub scope: Scope,
    /// When it ends, if ever.
    pub expires_ms: Option<i64>,
}

/// Whether the caller may make, list and end tokens; asked before anything else is looked at.
pub fn may_manage(caller: &Caller) -> Result<()> {
    access::authorize_account(caller, AccountAct::SignIn, SIGN_IN)
}

/// Checks the body: `name`, `scope`, and `expires_at`, which is 90 days on unless given; null
/// means that it does not end by itself.
pub fn parse(body: &Map<String, Value>, now_ms: i64) -> Result<NewToken> {
    let fields = Fields::new(body);
    let name = fields.required("name", limits::API_TOKEN_NAME)?;
    let scope: Scope = fields
        .required("scope", limits::ID)?
        .parse()
        .map_err(|error: wire::scope::UnknownScope| Refusal::invalid(error.to_string()))?;
    if scope == Scope::RuntimePeer {
        return Err(Refusal::invalid(
            "scope must be viewer, editor or owner; a workstation has a credential of its own",
        ));
    }
    let expires_ms = match body.get("expires_at").or_else(|| body.get("expiresAt")) {
        None => Some(now_ms + limits::API_TOKEN_MS),
        Some(Value::Null) => None,
        Some(Value::String(text)) => Some(future(text, now_ms)?),
        Some(_) => return Err(Refusal::invalid("expires_at must be a string")),
    };
    Ok(NewToken {
        name,
        scope,
        expires_ms,
    })
}

fn future(text: &str, now_ms: i64) -> Result<i64> {
    let at = wire::UnixMs::parse(text.trim())
        .map_err(|_| Refusal::invalid("expires_at must be like 2027-01-31T00:00:00Z"))?;
    if at.0 <= now_ms {
        return Err(Refusal::invalid("expires_at must be in the future"));
    }
    Ok(at.0)
}

/// Makes a token; the text is returned this once and stored as a hash only.
/// [`may_manage`] must have passed.
pub async fn create<S: ApiTokens + AuditTrail>(
    store: &S,
    caller: &Caller,
    wish: NewToken,
    id: String,
    entropy: [u8; 28],
    now_ms: i64,
) -> Result<(ApiToken, String)> {
    if store.live_api_tokens(&caller.principal, now_ms).await? >= limits::API_TOKENS {
        return Err(Refusal::Conflict(
            "too many API tokens; revoke one that is no longer needed",
        ));
    }
    let secret = api_token(entropy);
    let row = NewApiToken {
        id,
        token_hash: hash_secret(&secret),
        principal: caller.principal.clone(),
        name: wish.name,
        scope: wish.scope.as_str().to_owned(),
        created_ms: now_ms,
        expires_ms: wish.expires_ms,
    };
    store.create_api_token(&row).await?;
    let detail = Some(format!("{}: {}", row.scope, row.name));
    audit(store, caller, "api_token.create", &row.id, detail, now_ms).await?;
    let token = ApiToken {
        id: row.id,
        token_hash: row.token_hash,
        principal: row.principal,
        name: row.name,
        scope: row.scope,
        created_ms: now_ms,
        expires_ms: row.expires_ms,
        last_used_ms: None,
        revoked_ms: None,
    };
    Ok((token, secret))
}

/// Ends a token of the caller's; doing it twice is fine. Its sockets end with it.
pub async fn revoke<S: ApiTokens + AuditTrail>(
    store: &S,
    caller: &Caller,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    may_manage(caller)?;
    if !store
        .revoke_api_token(&caller.principal, id, now_ms)
        .await?
    {
        return Err(Refusal::Absent("API token not found"));
    }
    audit(store, caller, "api_token.revoke", id, None, now_ms).await?;
    Ok(vec![Effect::CloseSession {
        session_id: id.to_owned(),
    }])
}

async fn audit<S: AuditTrail>(
    store: &S,
    caller: &Caller,
    action: &'static str,
    id: &str,
    detail: Option<String>,
    now_ms: i64,
) -> Result<()> {
    let event = AuditEvent {
        at_ms: now_ms,
        actor_label: caller.actor_label.clone(),
        action,
        notebook_id: None,
        subject: Some(id.to_owned()),
        detail,
    };
    Ok(store.audit(&event).await?)
}

/// Recognises a token, says which scope it gives, and records its use now and then. `scope` is
/// the requested scope as text, if one was given; nothing above the token's own is granted.
pub async fn authenticate<S: ApiTokens>(
    store: &S,
    token: &str,
    scope: Option<&str>,
    now_ms: i64,
) -> Result<(ApiToken, Scope, Scope)> {
    let hash = hash_secret(token);
    let found = store
        .api_token_by_hash(&hash)
        .await?
        .filter(|found| same_hash(&found.token_hash, &hash));
    let Some(found) = found else {
        return Err(Refusal::SignIn(if checksum_holds(token) {
            "API token is not recognized"
        } else {
            "API token is not recognized; it is mistyped or incomplete"
        }));
    };
    if found.revoked_ms.is_some() {
        return Err(Refusal::SignIn("API token was revoked"));
    }
    if found.expires_ms.is_some_and(|end| end <= now_ms) {
        return Err(Refusal::SignIn("API token has expired"));
    }
    let ceiling: Scope = found
        .scope
        .parse()
        .map_err(|_| Refusal::Failed("an API token has an unknown scope"))?;
    let scope = match scope {
        None => Scope::Viewer,
        Some(text) => text
            .parse::<Scope>()
            .map_err(|error| Refusal::invalid(format!("Error: {error}")))?,
    };
    if !access::allows(ceiling, scope) {
        return Err(Refusal::Forbidden(format!(
            "this API token allows {ceiling} scope only"
        )));
    }
    let unless_since = now_ms - limits::CREDENTIAL_TOUCH_MS;
    if found.last_used_ms.is_none_or(|used| used < unless_since) {
        // A failure to note the use is no reason to refuse it; the next use notes it.
        let _ = store.touch_api_token(&found.id, now_ms, unless_since).await;
    }
    Ok((found, ceiling, scope))
}
