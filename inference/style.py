"""How the page looks: Gradio's theme, and its own CSS."""

from typing import Any, Dict

import gradio as gr

CSS = """
.gradio-container > .main { padding-inline: min(32px, 3vw) !important }
.html-container { padding: 0 !important }
.top { align-items: center; flex-wrap: nowrap !important; gap: 8px }
.top h1 { font-size: 1.5em; font-weight: 600; margin: 0; line-height: 1.2 }
.top label { padding: 4px 10px !important }
.language { flex: none !important; width: auto; min-width: 0 !important; margin-inline-start: auto }

/* The answer stands beside the picture, and above the examples where there is one column. */
.one { display: grid !important; grid-template: "picture answer" auto "examples answer" 1fr / 1fr 1fr; gap: 16px }
.one > * { min-width: 0 !important }
.one > .picture { grid-area: picture }
.one > .examples { grid-area: examples }
.one > .answer { grid-area: answer }
.picture .image-container { height: 280px !important }
.picture .image-frame { width: 100% !important; height: 100% !important; padding: 30px 0 4px; box-sizing: border-box }
.picture .image-frame img { width: 100% !important; height: 100% !important; object-fit: contain !important }
.examples .row { flex-wrap: wrap; gap: 8px }
.examples button { flex: none; padding: 0; font-size: 0; border-radius: 8px; overflow: hidden }
.examples button img { width: 80px !important; height: 80px !important; margin: 0 !important; object-fit: cover }

.answer h2 { font-size: 1.5em; font-weight: 600; margin: 0 0 8px; overflow-wrap: break-word }
.answer h3 { font-size: 1em; font-weight: 600; margin: 0 0 4px }
.bars { list-style: none !important; margin: 0 !important; padding: 0 !important }
.bars li { list-style: none !important; margin: 0 0 6px !important; padding: 0 !important }
.bar { display: grid; grid-template-columns: 1fr auto; gap: 0 12px }
.bar .name { overflow-wrap: break-word; min-width: 0 }
.bar .share, .classes span, .answers td:last-child { font-variant-numeric: tabular-nums }
.bar .track { grid-column: 1 / 3; height: 6px; border-radius: 3px; background: var(--border-color-primary); overflow: hidden }
.bar .track span { display: block; height: 100%; background: var(--color-accent) }
summary { cursor: pointer }
.others summary { display: block }
.others .name { text-decoration: underline }
.details { font-size: 0.9em; color: var(--body-text-color); margin: 8px 0 }
.problem { border-inline-start: 4px solid var(--bad); padding: 4px 12px; margin: 0 0 8px; overflow-wrap: break-word }
.note { margin: 0 }

.why { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start }
.why figure { margin: 0 }
.why img { margin: 0; border-radius: 4px; display: block }
.why figcaption { font-size: 0.9em; max-width: 224px; overflow-wrap: break-word }
.why .seen img { width: 224px; height: 224px }
.nearest > div { display: flex; flex-wrap: wrap; gap: 8px }
.nearest figure { width: 104px }
.nearest img { width: 96px; height: 96px }

.long input { width: 100%; padding: 6px 10px; margin: 4px 0; border: 1px solid var(--strong); border-radius: 4px;
  background: var(--input-background-fill); color: var(--body-text-color) }
.long input::placeholder { color: var(--body-text-color); opacity: 0.75 }
.long .scrolling { max-height: 14em }
.classes { columns: 14em; margin: 0 !important; padding: 0 !important; list-style: none !important }
.classes li { list-style: none !important; margin: 0 !important; padding: 1px 0 !important; break-inside: avoid;
  overflow-wrap: break-word }
.classes li[hidden] { display: none }
.scrolling { overflow: auto; border: 1px solid var(--border-color-primary); border-radius: 4px; padding: 0 8px }

.about { margin-top: 8px }
.about > summary { white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.about dl { margin: 8px 0; display: grid; grid-template-columns: auto 1fr; gap: 4px 16px }
.about dt { font-weight: 600 }
.about dd { margin: 0; min-width: 0; overflow-wrap: break-word }

.date { white-space: nowrap }
footer .divider:not(.show-api-divider) { display: none }  /* Gradio's, with nothing behind it */

.many .downloads { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0 0 8px }
.many .downloads a { color: var(--link-text-color); text-decoration: underline }
.many .filters { display: flex; flex-wrap: wrap; align-items: flex-start; align-content: flex-start; gap: 6px;
  margin: 0 0 8px; max-height: 8em; overflow: auto; padding: 3px }
.many .filters button { border: 1px solid var(--strong); border-radius: 4px; padding: 2px 10px; text-align: start;
  color: var(--body-text-color); background: var(--background-fill-primary); font: inherit; overflow-wrap: anywhere }
.many .filters button[aria-pressed=true] { background: var(--body-text-color); color: var(--background-fill-primary) }
.many .filters b { color: inherit }
.many .scrolling { max-height: 70vh; padding: 0 }
table.answers { width: 100%; table-layout: fixed; border-collapse: collapse; margin: 0 !important }
table.answers, table.answers tr, table.answers th, table.answers td { border: 0 !important }
table.answers thead > tr > * { position: sticky; top: 0; background: var(--background-fill-secondary); z-index: 1 }
table.answers th, table.answers td { text-align: start; padding: 4px 8px !important; vertical-align: middle;
  overflow-wrap: break-word; border-bottom: 1px solid var(--border-color-primary) !important }
table.answers .picture { width: 64px }
table.answers .confidence { width: 9em }
table.answers th button { font: inherit; font-weight: 600; text-align: start; color: var(--body-text-color);
  background: none; border: 0; padding: 0; max-width: 100%; white-space: nowrap }
table.answers th button::after { content: " ↕" }
table.answers th[aria-sort=ascending] button::after { content: " ↑" }
table.answers th[aria-sort=descending] button::after { content: " ↓" }
table.answers tr[hidden] { display: none !important }
table.answers img { width: 48px; height: 48px; max-width: none; margin: 0; border-radius: 4px }
.bad { color: var(--bad) !important }
/* Gradio puts one button into another, and gives the outer one no name: the inner one is enough. */
.icon-button:has(button) { visibility: hidden }
.icon-button:has(button) :is(svg, button) { visibility: visible }
.gradio-container { --bad: #b3261e; --strong: #71717a }
.dark .gradio-container, .gradio-container.dark { --bad: #ff8a80; --strong: #a1a1aa; --color-accent: var(--primary-400) }
.gradio-container :is(button, a, input, summary, [tabindex]):focus-visible { outline: 2px solid var(--color-accent) !important;
  outline-offset: 1px }

@media (max-width: 699px) {
  .one { grid-template: "picture" auto "answer" auto "examples" auto / 100% }
  .picture .image-container { height: 200px !important }
  .top h1 { font-size: 1.2em }
  .why .seen img, .why .seen figcaption { width: 160px; max-width: 160px }
  .why .seen img { height: 160px }
  table.answers { font-size: 0.85em }
  table.answers .picture { width: 52px }
  table.answers .confidence { width: 8em }
  table.answers th, table.answers td { padding: 4px 2px !important }
}
"""
# Fonts of the visitor's system: none is downloaded. Gradio's own orange and greys are too pale to be read by everyone.
THEME = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]).set(
    color_accent="*primary_700",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
    button_primary_text_color="white",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_400",
)
STYLE: Dict[str, Any] = {"theme": THEME, "css": CSS}
