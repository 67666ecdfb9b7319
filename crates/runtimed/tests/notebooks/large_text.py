# %%
for i in range(20000):
    print(f"line {i:06d} " + "x" * 50)
# %%
"y" * 300000
