# %%
from IPython.display import Latex, Markdown, Math, display
Math(r"\int_0^\infty e^{-x^2} dx = \frac{\sqrt{\pi}}{2}")
# %%
display(Latex(r"\begin{align} a &= b \\ c &= d \end{align}"))
# %%
Markdown("# Title\n\n- a\n- b with $x^2$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
