# %%
from IPython.display import JSON, GeoJSON, display
JSON({"nested": {"list": [1, [2, [3]]], "number": 1e100, "small": 1e-9, "int": 12345678901234567890}})
# %%
display(JSON([1, 2, 3], expanded=True, root="numbers"))
display(GeoJSON({"type": "Point", "coordinates": [-118.4, 34.0]}))
# %%
display({"application/vnd.vega.v5+json": {"marks": [], "data": [{"name": "t", "values": list(range(500))}]}, "text/plain": "vega"}, raw=True)
# %%
display({"application/json": "just a string", "text/plain": "x"}, raw=True)
# %%
import random
random.seed(1)
JSON({"floats": [random.gauss(0, 1) for _ in range(500)], "duration": 3.6040260791778564})
