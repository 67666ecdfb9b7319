// Formulas in Markdown are taken out before it is rendered, so that neither touches the other.

export interface MathPiece {
  tex: string;
  display: boolean;
}

/** Fenced and inline code, which may hold dollars of its own. */
const CODE = /```[\s\S]*?(?:```|$)|~~~[\s\S]*?(?:~~~|$)|`[^`\n]*`|\\\$/;
/** Environments that are display maths without dollars around them. */
const ENVIRONMENT =
  /\\begin\{(?<name>(?:equation|align|alignat|gather|multline|eqnarray)\*?)\}[\s\S]+?\\end\{\k<name>\}/;
/** Jupyter wants brackets with two backslashes, as Markdown takes one away; others write one. */
const DISPLAY = /\$\$(?<dollars>[\s\S]+?)\$\$|(?<square>\\{1,2})\[(?<brackets>[\s\S]+?)\k<square>\]/;
const INLINE =
  /(?<round>\\{1,2})\((?<parens>[\s\S]+?)\k<round>\)|\$(?![\s$])(?<inline>(?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/;

const PIECES = new RegExp(
  `(?<code>${CODE.source})|(?<environment>${ENVIRONMENT.source})|${DISPLAY.source}|${INLINE.source}`,
  "g",
);

/** As KaTeX knows it, and without the numbers that Jupyter does not give either. */
function known(tex: string): string {
  return tex
    .replace(/\\label\{[^{}]*\}/g, "")
    .replace(/\\begin\{eqnarray\*?\}/g, "\\begin{array}{rcl}")
    .replace(/\\end\{eqnarray\*?\}/g, "\\end{array}")
    .replace(/\\(begin|end)\{multline\*?\}/g, "\\$1{gather*}")
    .replace(/\\(begin|end)\{(equation|align|alignat|gather)\}/g, "\\$1{$2*}");
}

export function takeMaths(source: string): { text: string; maths: MathPiece[] } {
  const maths: MathPiece[] = [];
  const clean = source.replace(/[\ue000\ue001]/g, "");
  const text = clean.replace(PIECES, (whole: string, ...rest: unknown[]) => {
    const groups = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    const display = groups.environment ?? groups.dollars ?? groups.brackets;
    const tex = display ?? groups.parens ?? groups.inline;
    if (groups.code !== undefined || tex === undefined) return whole;
    maths.push({ tex: known(tex.trim()), display: display !== undefined });
    return `\ue000${maths.length - 1}\ue001`;
  });
  return { text, maths };
}
