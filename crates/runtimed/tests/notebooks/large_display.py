# %%
from IPython.display import HTML, display
display(HTML("<p>" + "0123456789" * 300000 + "</p>"))
# %%
for i in range(300):
    display(HTML(f"<p>{i}</p>" + "z" * 2000))
# %%
from IPython.display import display
for i in range(400):
    display(i)
