# %%
print("Grüße, 世界, Привет, שלום, مرحبا")
print("emoji: 👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭")
print("combining: e\u0301 a\u0308 \u0915\u094d\u0937\u093f")
print("wide:\u3000|日本語|")
# %%
"𝒳 ∈ ℝ \u2028 line separator \u200b zero width"
# %%
from IPython.display import HTML
HTML("<p>ünï — “quotes” 🎉</p>")
# %%
"\\ud800 written out"
# %%
print("nul\0bell\a end")
