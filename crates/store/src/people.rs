//! People beyond one way to sign in: account links, off-boarding, and sign-ins that have begun.

use std::future::Future;

use crate::Result;

/// What must be known of a principal before a request of its is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The canonical principal, where the principal is one way of several to sign in.
    pub canonical: Option<String>,
    /// Whether the person was disabled.
    pub disabled: bool,
    /// Whether an invite waits for the account's e-mail address.
    pub invited: bool,
}

/// One way to sign in, and the account it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLink {
    /// The principal of the way.
    pub transport: String,
    /// The principal of the account.
    pub canonical: String,
    /// Provider that vouched.
    pub provider: String,
    /// The verified e-mail address that joins them, normalised.
    pub email: String,
    /// When.
    pub now_ms: i64,
}

/// A person as the console lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Principal.
    pub principal: String,
    /// Provider, when they have signed in.
    pub provider: Option<String>,
    /// Name.
    pub display_name: Option<String>,
    /// Verified e-mail address.
    pub email: Option<String>,
    /// Latest sign-in.
    pub last_seen_ms: Option<i64>,
    /// When they were disabled.
    pub disabled_ms: Option<i64>,
    /// Notebooks they own.
    pub notebooks: i64,
    /// Workstations they have.
    pub workstations: i64,
}

/// What a sign-in at the provider must bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSignIn {
    /// Binds the id token to this sign-in.
    pub nonce: String,
    /// The secret of the code exchange (PKCE).
    pub verifier: String,
    /// Where the person wanted to go.
    pub next: String,
}

/// Storage of people.
pub trait People {
    /// What must be known of a principal before it is answered.
    fn standing(
        &self,
        principal: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Standing>> + Send;
    /// Links a way to sign in to its account and moves what was kept under the way, or under the
    /// account it led to before, to the account (HAZ-5): all of it in one step. Returns the
    /// principals that something may have been moved from; none when the link was known.
    fn link_account(&self, link: &AccountLink) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Disables a person and ends their sessions, tokens, codes and credentials in one step;
    /// `false` if they were disabled already (what they have is ended all the same).
    fn disable_person(
        &self,
        principal: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Lets a person sign in again; `false` if they were not disabled.
    fn enable_person(&self, principal: &str) -> impl Future<Output = Result<bool>> + Send;
    /// Everybody the catalog knows, by principal.
    fn people(&self) -> impl Future<Output = Result<Vec<Person>>> + Send;
    /// Notebooks whose owner a person is.
    fn owned_notebooks(&self, principal: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Makes `to` the owner of every notebook that `from` owns and takes `from`'s rows there
    /// away, in one step.
    fn hand_over(
        &self,
        from: &str,
        to: &str,
        actor_label: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Asks every server to end a person's sockets.
    fn note_disconnect(
        &self,
        principal: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// The principals to disconnect that were noted after the note `id`, with their notes.
    fn disconnects_after(&self, id: i64)
    -> impl Future<Output = Result<Vec<(i64, String)>>> + Send;
    /// The latest note; 0 when there is none.
    fn last_disconnect(&self) -> impl Future<Output = Result<i64>> + Send;
    /// Stores a sign-in that begins, by the hash of its state, and drops expired ones.
    fn begin_provider_sign_in(
        &self,
        state_hash: &str,
        begun: &ProviderSignIn,
        now_ms: i64,
        expires_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Uses a sign-in up that has begun and not expired.
    fn take_provider_sign_in(
        &self,
        state_hash: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<ProviderSignIn>>> + Send;
}
