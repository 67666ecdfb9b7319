// Formulas in Markdown are taken out before it is rendered, so that neither touches the other.

export interface MathPiece {
  tex: string;
  display: boolean;
}

/** Fenced and inline code, which may hold dollars of its own; then display maths; then inline maths. */
const PIECES =
  /(```[\s\S]*?(?:```|$)|~~~[\s\S]*?(?:~~~|$)|`[^`\n]*`|\\\$)|\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)/g;

export function takeMaths(source: string): { text: string; maths: MathPiece[] } {
  const maths: MathPiece[] = [];
  const clean = source.replace(/[\ue000\ue001]/g, "");
  const text = clean.replace(
    PIECES,
    (whole: string, code?: string, dollars?: string, brackets?: string, parens?: string, inline?: string) => {
      if (code !== undefined) return whole;
      const display = dollars ?? brackets;
      const tex = display ?? parens ?? inline;
      if (tex === undefined) return whole;
      maths.push({ tex: tex.trim(), display: display !== undefined });
      return `\ue000${maths.length - 1}\ue001`;
    },
  );
  return { text, maths };
}
