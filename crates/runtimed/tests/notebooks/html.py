# %%
from IPython.display import HTML, IFrame, Javascript, display
HTML("<table><tr><td>1</td></tr></table>\n<script>window.x = 1</script>\n")
# %%
display(IFrame("https://example.org", width=300, height=100))
display(Javascript("element.append('hello')"))
# %%
class Table:
    def _repr_html_(self):
        return "<b>rich</b>"
    def __repr__(self):
        return "plain"
Table()
