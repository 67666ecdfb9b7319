# --- {"metadata": {"title": "A notebook", "authors": [{"name": "somebody"}], "custom": {"deep": {"er": [1, null, "x"]}}}}
# %% [markdown]
# # Title
#
# Text with ![picture](attachment:dot.png)
# %% [markdown] {"attachments": {"dot.gif": {"image/gif": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}}}
# ![dot](attachment:dot.gif)
# %% [raw] {"metadata": {"format": "text/restructuredtext"}}
# .. note:: raw
# %% {"metadata": {"collapsed": false, "scrolled": true, "custom": {"a": 1}, "jupyter": {"source_hidden": true}}, "tags": ["parameters"]}
alpha = 0.5
alpha
# %% [raw]
# {{ not: python }}
