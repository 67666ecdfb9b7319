# %%
class Broken:
    def __repr__(self):
        return "a repr"
    def _repr_html_(self):
        raise ValueError("no html")
Broken()
# %% {"tags": ["raises-exception"]}
class Worse:
    def __repr__(self):
        raise ValueError("no repr")
Worse()
