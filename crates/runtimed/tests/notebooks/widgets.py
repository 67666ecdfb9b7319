# %%
import ipywidgets as widgets
slider = widgets.IntSlider(value=3, min=0, max=10, description="n")
slider
# %%
slider.value = 7
slider.description = "changed " * 300
# %%
box = widgets.HBox([slider, widgets.Button(description="go"), widgets.Text("é")])
box
# %%
image = widgets.Image(value=bytes(range(256)), format="png")
image
# %%
for _ in range(6):
    slider.send({"text": "x" * 1_000_000})
print("all sent")
