# %% {"tags": ["raises-exception"]}
def inner(n):
    return 1 / n

def outer():
    return inner(0)

print("before")
outer()
# %% {"tags": ["raises-exception"]}
try:
    {}["missing"]
except KeyError as error:
    raise ValueError("a value\nof two lines") from error
# %% {"tags": ["raises-exception"]}
class Odd(Exception):
    def __str__(self):
        return "odd: <b>&amp;</b> \u2603"

raise Odd(1, 2)
# %% {"tags": ["raises-exception"]}
this is not python
# %% {"tags": ["raises-exception"]}
def recurse(n):
    return recurse(n + 1) if n < 30 else undefined_name

recurse(0)
# %%
print("goes on")
