// The outputs of one execution, each by its kind.
import "./ansi.css";
import "./outputs.css";
import { lazy, Suspense } from "preact/compat";
import { useMemo } from "preact/hooks";
import type { OutputRecord } from "../notebook/executions";
import type { NotebookStore } from "../notebook/store";
import { Boundary } from "../ui/boundary";
import { AnsiText } from "./ansi-text";
import { useText } from "./content";
import { OutputFrames } from "./frames";
import { Start, TextFromStart } from "./long-text";
import { Markdown } from "./markdown";
import {
  type ContentRef,
  isFramed,
  isImage,
  type OutputView,
  readOutputs,
  tracebackText,
  WIDGET_VIEW,
  withPlaces,
} from "./model";
import { Picture } from "./picture";
import { useReservedHeight } from "./reserved";
import { Scrolled } from "./scrolled";
import { StreamOutput } from "./stream";

interface Place {
  store: NotebookStore;
  notebookId: string;
  outputOrigin: string | undefined;
}

type DisplayView = Extract<OutputView, { kind: "display" }>;

/** Loaded with the first widget. */
const WidgetOutput = lazy(() => import("../widgets/view"));

function JsonText({ id, json }: { id: string; json: string }) {
  const text = useMemo(() => {
    try {
      return JSON.stringify(JSON.parse(json), null, 2);
    } catch {
      return json;
    }
  }, [json]);
  return <TextFromStart id={id} text={text} />;
}

function TextDisplay({ place, view: { key, content, mime } }: { place: Place; view: DisplayView }) {
  const text = useText(place.notebookId, content, key);
  if (text.state === "failed") return <p class="output-note">{text.why}</p>;
  if (text.state === "loading") return <p class="output-note">Fetching…</p>;
  if (isFramed(mime)) {
    return <OutputFrames origin={place.outputOrigin} id={text.key} mime={mime} content={text.value} />;
  }
  if (mime === "text/markdown") {
    return (
      <Start id={key} text={text.value}>
        {(shown) => <Markdown source={shown} notebookId={place.notebookId} />}
      </Start>
    );
  }
  if (mime === "text/latex") {
    const source = /^\s*(\$|\\\[|\\\()/.test(text.value) ? text.value : `$$${text.value}$$`;
    return <Markdown source={source} notebookId={place.notebookId} />;
  }
  const isJson = mime === "application/json" || mime.endsWith("+json");
  return isJson ? <JsonText id={key} json={text.value} /> : <TextFromStart id={key} text={text.value} />;
}

function Widget({ place, view }: { place: Place; view: DisplayView }) {
  if (!("inline" in view.content)) return null;
  const plain = view.plain && "inline" in view.plain ? view.plain.inline : undefined;
  return (
    <Suspense fallback={<p class="output-note">Loading the widget…</p>}>
      <WidgetOutput
        store={place.store}
        origin={place.outputOrigin}
        content={view.content.inline}
        plain={plain}
      />
    </Suspense>
  );
}

function DisplayOutput({ place, view }: { place: Place; view: DisplayView }) {
  const alt = view.plain && "inline" in view.plain ? view.plain.inline : "Output picture";
  return (
    <div class="output output-display" data-testid="output-display" data-mime={view.mime}>
      {view.mime === WIDGET_VIEW ? (
        <Widget place={place} view={view} />
      ) : isImage(view.mime) ? (
        <Picture notebookId={place.notebookId} {...view} alt={alt} />
      ) : (
        <TextDisplay place={place} view={view} />
      )}
    </div>
  );
}

function Traceback({ place, content }: { place: Place; content: ContentRef }) {
  const text = useText(place.notebookId, content);
  if (text.state !== "ready") return null;
  const traceback = tracebackText(text.value);
  return traceback === "" ? null : (
    <Scrolled fromEnd>
      <AnsiText text={traceback} />
    </Scrolled>
  );
}

function ErrorOutput({ place, view }: { place: Place; view: Extract<OutputView, { kind: "error" }> }) {
  return (
    <div class="output output-error" data-testid="output-error">
      <p class="error-head">
        <strong>{view.name}</strong>
        {view.value !== "" && `: ${view.value}`}
      </p>
      {view.traceback && <Traceback place={place} content={view.traceback} />}
    </div>
  );
}

function OutputContent({ place, view }: { place: Place; view: OutputView }) {
  switch (view.kind) {
    case "stream":
      return <StreamOutput id={view.key} notebookId={place.notebookId} name={view.name} parts={view.parts} />;
    case "error":
      return <ErrorOutput place={place} view={view} />;
    case "display":
      return <DisplayOutput place={place} view={view} />;
  }
}

function notShown(why: string) {
  return (
    <p class="output-note" data-testid="output-failed">
      This output could not be shown: {why}
    </p>
  );
}

function Output({ place, view }: { place: Place; view: OutputView }) {
  const minHeight = useReservedHeight(view.key);
  return (
    <div class="output-place" data-output={view.key} style={{ minHeight }}>
      <Boundary of={view} fallback={notShown}>
        <OutputContent place={place} view={view} />
      </Boundary>
    </div>
  );
}

interface OutputsProps {
  place: Place;
  outputs: readonly OutputRecord[];
  /** Whether they are of the run before, shown until the cell has others. */
  isStale: boolean;
}

export function Outputs({ place, outputs, isStale }: OutputsProps) {
  const views = useMemo(() => withPlaces(readOutputs(outputs)), [outputs]);
  if (views.length === 0) return null;
  return (
    <div class="outputs" data-testid="outputs" aria-busy={isStale}>
      {views.map((one) => (
        <Output key={one.place} place={place} view={one.view} />
      ))}
    </div>
  );
}
