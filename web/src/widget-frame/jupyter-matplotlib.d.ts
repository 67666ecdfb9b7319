/** The front end of ipympl; its package has no types. */
declare module "jupyter-matplotlib";
