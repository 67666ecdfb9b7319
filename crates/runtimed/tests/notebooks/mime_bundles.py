# %%
class Everything:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "text/plain": "plain\ntext",
            "text/html": "<b>html</b>\n<i>more</i>",
            "text/markdown": "**md**",
            "text/latex": "$x$",
            "image/svg+xml": "<svg/>",
            "image/png": "iVBORw0KGgo=",
            "application/javascript": "alert(1)\nalert(2)",
            "application/json": {"a": [1, 2.5, None, True], "b": {"c": "d"}},
            "application/pdf": "JVBERi0xLjQK",
            "application/vnd.custom.v1+json": {"kind": "custom"},
            "text/vnd.custom": "custom text",
        }
Everything()
# %%
from IPython.display import display
display(Everything(), metadata={"text/html": {"isolated": True}})
# %%
display({"application/x-unknown": "opaque", "text/plain": "fallback"}, raw=True)
# %%
from IPython.display import Image, display
display("with metadata", metadata={"key": {"deep": [1, 2]}, "text/plain": {"x": 1}})
# %%
class Both:
    def _repr_html_(self):
        return "<p>x</p>", {"isolated": True}
Both()
