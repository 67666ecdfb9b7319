// What a machine does now, in small bars; they move with its heartbeats.
import { useEffect, useState } from "preact/hooks";
import { getNotebook } from "../api/notebooks";
import type { JobUse, Utilisation, Workstation } from "../api/workstations";
import { bytesText, Meter, percentText } from "../ui/meter";
import { notebookPath, onLinkClick } from "../ui/router";

const SHOWN_GPUS = 4;

function Memory({ use }: { use: Utilisation }) {
  const { memoryUsedBytes: used, memoryAvailableBytes: free } = use;
  if (used === undefined || free === undefined) return null;
  const text = `${bytesText(used)} used, ${bytesText(free)} free`;
  return <Meter name="Memory" part={used / Math.max(1, used + free)} text={text} testId="use-memory" />;
}

function Job({ job }: { job: JobUse }) {
  const { notebookId } = job;
  const [title, setTitle] = useState("A notebook");
  useEffect(() => {
    if (notebookId === undefined) return;
    // A machine may serve notebooks of others, which their owners no longer share.
    getNotebook(notebookId).then(
      (notebook) => setTitle(notebook.title ?? "Untitled"),
      () => undefined,
    );
  }, [notebookId]);
  const words = [
    job.cpuPercent === undefined ? undefined : `CPU ${percentText(job.cpuPercent)}`,
    bytesText(job.memoryBytes),
    job.gpuMemoryBytes ? `${bytesText(job.gpuMemoryBytes)} on the GPU` : undefined,
  ].filter(Boolean);
  return (
    <li data-testid="use-job">
      {notebookId === undefined ? (
        title
      ) : (
        <a href={notebookPath(notebookId)} onClick={onLinkClick}>
          {title}
        </a>
      )}{" "}
      runs: {words.join(" · ")}
    </li>
  );
}

export function MachineUse({ machine }: { machine: Workstation }) {
  const use = machine.utilisation;
  if (use === undefined) return null;
  const rest = [
    use.load === undefined ? undefined : `load ${use.load.toFixed(2)}`,
    use.diskFreeBytes === undefined ? undefined : `${bytesText(use.diskFreeBytes)} of disk free`,
  ].filter(Boolean);
  return (
    <div class="use" data-testid="machine-use">
      {use.cpuPercent !== undefined && (
        <Meter name="CPU" part={use.cpuPercent / 100} text={percentText(use.cpuPercent)} testId="use-cpu" />
      )}
      <Memory use={use} />
      {use.gpus.slice(0, SHOWN_GPUS).map((gpu, index) => {
        const { memoryUsedBytes: used, memoryTotalBytes: total } = gpu;
        const memory =
          used !== undefined && total !== undefined ? `${bytesText(used)} of ${bytesText(total)}` : undefined;
        const words = [gpu.percent === undefined ? undefined : percentText(gpu.percent), memory].filter(
          Boolean,
        );
        const part = gpu.percent === undefined ? undefined : gpu.percent / 100;
        const key = `${index} ${gpu.model}`;
        return <Meter key={key} name={gpu.model} part={part} text={words.join(" · ")} />;
      })}
      {rest.length > 0 && <p class="use-rest">{rest.join(" · ")}</p>}
      {use.jobs.length > 0 && (
        <ul class="use-jobs">
          {use.jobs.map((job) => (
            <Job key={job.jobId} job={job} />
          ))}
        </ul>
      )}
    </div>
  );
}
