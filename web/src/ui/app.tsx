// Chooses the page; heavy ones load when first opened.
import { signal } from "@preact/signals";
import { type ComponentChildren, type ComponentType, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../api/http";
import { type Config, fetchConfig, readSession, signedIn } from "../api/session";
import { LibraryPage } from "../library/page";
import { Boundary } from "./boundary";
import { onLinkClick, route } from "./router";
import { Shell } from "./shell";
import { SignInPage } from "./sign-in";

type Start = { state: "loading" } | { state: "failed"; why: string } | { state: "ready"; config: Config };

const start = signal<Start>({ state: "loading" });

export async function startApp(): Promise<void> {
  try {
    const [config] = await Promise.all([fetchConfig(), readSession()]);
    start.value = { state: "ready", config };
  } catch (error) {
    start.value = { state: "failed", why: messageOf(error) };
  }
}

/** A component that arrives by import(); quiet until it is here. */
function Later<P extends object>({ load, props }: { load: () => Promise<ComponentType<P>>; props: P }) {
  const [Part, setPart] = useState<{ component: ComponentType<P> } | undefined>();
  const [why, setWhy] = useState<string | undefined>();
  useEffect(() => {
    load().then(
      (component) => setPart({ component }),
      (error: unknown) => setWhy(messageOf(error)),
    );
  }, [load]);
  if (why !== undefined) return <Message title="This page could not be loaded" text={why} />;
  return Part ? h(Part.component, props) : <Waiting />;
}

const loadNotebook = () => import("../notebook/page").then((module) => module.NotebookPage);
const loadRevision = () => import("../notebook/revision-page").then((module) => module.RevisionPage);
const loadAccount = () => import("../account/page").then((module) => module.AccountPage);
const loadPanel = () => import("../panel/page").then((module) => module.WorkstationsPage);

export function Waiting() {
  return (
    <main class="page" id="main" aria-busy="true">
      <p class="waiting">Loading…</p>
    </main>
  );
}

interface MessageProps {
  title: string;
  text: string;
  children?: ComponentChildren;
}

export function Message({ title, text, children }: MessageProps) {
  return (
    <main class="page page-message" id="main">
      <h1>{title}</h1>
      <p>{text}</p>
      {children}
      <p>
        <a href="/" onClick={onLinkClick}>
          Back to the notebooks
        </a>
      </p>
    </main>
  );
}

function Page({ config }: { config: Config }) {
  const to = route.value;
  switch (to.page) {
    case "list":
      return <LibraryPage />;
    case "notebook":
      return (
        <Later key={to.id} load={loadNotebook} props={{ id: to.id, outputOrigin: config.outputOrigin }} />
      );
    case "revision":
      return (
        <Later
          key={to.revision}
          load={loadRevision}
          props={{ id: to.id, revision: to.revision, outputOrigin: config.outputOrigin }}
        />
      );
    case "workstations":
      return <Later key="workstations" load={loadPanel} props={{}} />;
    case "account":
      return <Later key="account" load={loadAccount} props={{}} />;
    case "missing":
      return <Message title="There is no such page" text="The address may be mistyped." />;
  }
}

/** A page that fails says why; another one begins anew. */
function BoundedPage({ config }: { config: Config }) {
  return (
    <Boundary of={route.value} fallback={(why) => <Message title="This page failed" text={why} />}>
      <Page config={config} />
    </Boundary>
  );
}

/** A page whose session ended stays alive behind the sign-in page, with what was not saved yet. */
function Guarded({ config }: { config: Config }) {
  const who = signedIn.value;
  // A notebook may be shared with everybody who has its address: the notebook page finds out.
  const { page } = route.value;
  if (who === "no") {
    return page === "notebook" || page === "revision" ? <BoundedPage config={config} /> : <SignInPage />;
  }
  return (
    <>
      {who === "ended" && <SignInPage />}
      <div hidden={who === "ended"}>
        <BoundedPage config={config} />
      </div>
    </>
  );
}

export function App() {
  const at = start.value;
  return (
    <Shell signedIn={at.state === "ready" ? signedIn.value === "yes" : undefined}>
      {at.state === "loading" && <Waiting />}
      {at.state === "failed" && <Message title="The server does not answer" text={at.why} />}
      {at.state === "ready" && <Guarded config={at.config} />}
    </Shell>
  );
}
