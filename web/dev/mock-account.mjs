// Fixed answers about people, access, tokens and what happened, for the pretended server.
const minutes = (n) => new Date(Date.now() - n * 60_000).toISOString();
const ME = "user:local:owner";
const grace = { label: "Grace", principal: "user:oidc:grace", email: "grace@example.org" };
const alan = { label: "Alan", principal: "user:oidc:alan", email: "alan@example.org" };
const row = (display, scope, more = {}) => ({
  subject_kind: "principal",
  subject: display.principal,
  scope,
  display,
  ...more,
});
const event = (id, age, action, more = {}) => ({
  id,
  at: minutes(age),
  actor_label: `${ME}/browser:1`,
  action,
  ...more,
});
const nb0 = { notebook_id: "nb0", notebook_title: "Rainfall in the valley" };

export const account = {
  "GET /api/auth/sessions": () => ({
    ok: true,
    person: { label: "Ada", principal: ME, email: "ada@example.org" },
    sessions: [
      {
        id: "s1",
        label: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        created_at: minutes(9000),
        last_used_at: minutes(0),
        current: true,
      },
      {
        id: "s2",
        label: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
        created_at: minutes(30000),
        last_used_at: minutes(700),
      },
    ],
  }),
  "GET /api/auth/tokens": () => ({
    ok: true,
    api_tokens: [
      {
        id: "t1",
        name: "nightly report",
        scope: "viewer",
        created_at: minutes(9000),
        last_used_at: minutes(400),
        expires_at: minutes(-90000),
      },
    ],
  }),
  "GET /api/audit": () => ({
    ok: true,
    events: [
      event(9, 3, "access.grant", {
        ...nb0,
        subject: grace.principal,
        subject_display: "Grace",
        detail: "editor with the run right",
      }),
      event(8, 60, "workstation.attach", { ...nb0, subject: "ws-lab" }),
      event(7, 9000, "api_token.create", { detail: "viewer: nightly report" }),
      event(6, 9100, "notebook.create", nb0),
    ],
    next_before: 6,
  }),
  "GET /api/n/nb0/acl": () => ({
    acl: [
      row({ label: "Ada", principal: ME, email: "ada@example.org" }, "owner"),
      row(grace, "editor", { may_run: true }),
    ],
  }),
  "GET /api/n/nb0/invites": () => ({
    invites: [
      {
        id: "i1",
        email: "barbara@example.org",
        scope: "viewer",
        status: "pending",
        created_at: minutes(3000),
      },
    ],
  }),
  "GET /api/n/nb0/access-requests": () => ({
    access_requests: [
      {
        id: "r1",
        requester_principal: alan.principal,
        status: "pending",
        created_at: minutes(12),
        display: alan,
      },
    ],
  }),
  "GET /api/workstation-settings": () => ({
    ok: true,
    settings: { room_tokens_only: false, room_token_s: 600, credential_days: 90 },
  }),
  "GET /api/workstations/ws-lab/history": () => ({
    ok: true,
    events: [
      { id: 9, at: minutes(2), event: "job_running", notebook_id: "nb0", detail: null },
      { id: 8, at: minutes(2), event: "job_pending", notebook_id: "nb0", detail: "user_attach" },
      { id: 7, at: minutes(600), event: "online" },
      { id: 6, at: minutes(640), event: "offline", detail: "lease expired: no heartbeat" },
      { id: 5, at: minutes(1200), event: "job_failed", notebook_id: "nb3", detail: "no Python was found" },
      { id: 4, at: minutes(3900), event: "credential_rotated" },
      { id: 3, at: minutes(4000), event: "paired" },
      { id: 2, at: minutes(4000), event: "registered", detail: "tower.lab.example.org" },
    ],
  }),
};
