# %%
import asyncio
await asyncio.sleep(0.01)
"awaited"
# %%
async def numbers():
    for i in range(3):
        yield i
        await asyncio.sleep(0)
[i async for i in numbers()]
# %%
a = 1
a
# %%
b = _ + 1
b
# %%
Out[1], In[2]
# %%
%who
