# %%
print("hello")
1 + 1
# %%
None
# %%
x = "quiet";
# %%
for i in range(3):
    print(i, end=" ")
# %%
{"a": [1, 2, {"b": None}], "c": (1.5, "text")}
