// What people may do with a notebook, in words.
import type { Role } from "../api/access";

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  viewer: "Can view",
  editor: "Can edit",
  runner: "Can edit and run",
  owner: "Owner",
  machine: "Runs kernels only",
};

/** The end of a sentence that begins with a name. */
export const ROLE_DOES: Readonly<Record<Role, string>> = {
  viewer: "can view it",
  editor: "can edit it",
  runner: "can edit and run it",
  owner: "is an owner",
  machine: "can run kernels for it",
};

const CHOICES: readonly Role[] = ["viewer", "editor", "runner", "owner"];

export const ROLE_OPTIONS = CHOICES.map((value) => ({ value, label: ROLE_NAMES[value] }));
