"""A parse and its tags as one ECMAScript program, whose value is the JSON text of what the root rule means.

Owns the order of evaluation, the scopes and the default values. Tags go in as string literals and are evaluated one by
one, so that a tag has to be complete by itself. Must not know engines or processes.
Source: W3C Semantic Interpretation for Speech Recognition 1.0, script tags; what it leaves open is in
docs/reference/sisr.md.
"""

import json
from collections.abc import Sequence
from typing import Any

from h2b.grammar.srgs.matcher import ExternalParse, Parse
from h2b.grammar.srgs.model import Grammar, Tag, Token

_PRELUDE = r"""
(function (headers, root) {
  const evaluate = eval, stringify = JSON.stringify, text = String;
  const keys = Object.keys, define = Object.defineProperty, describe = Object.getOwnPropertyDescriptor;
  // Its scope is the global one and nothing of this function: tags see `out`, `rules` and `meta`.
  const scope = evaluate(
    "(function* (out, rules, meta) { for (;;) { arguments[3] = yield out; eval(arguments[3]); } })");
  const functions = ["function () {}", "function* () {}", "async function () {}", "async function* () {}"];
  for (const kind of functions) define(Object.getPrototypeOf(evaluate(`(${kind})`)), "constructor", {value: undefined});
  for (const name of ["Function", "Proxy", "Reflect", "Promise", "queueMicrotask", "performance", "Atomics",
                      "SharedArrayBuffer", "WeakRef", "FinalizationRegistry"]) delete globalThis[name];
  let lent = false;
  // Lent to `scope` for one call at a time: ECMA-327 leaves `eval` out, and so do tags.
  define(globalThis, "eval", {
    get() { const now = lent; lent = false; return now ? evaluate : undefined; }, configurable: false});
  let place = "a tag of the header";
  let globals = new Set();

  // What rules assign without declaring it lands among the globals; it is taken from there, to be the rule's own.
  function take() {
    const taken = {__proto__: null};
    for (const key of keys(globalThis)) {
      if (globals.has(key)) continue;
      taken[key] = globalThis[key];
      delete globalThis[key];
    }
    return taken;
  }

  function publish(object, name, value) {
    if (name) define(object, name, {value, writable: true, enumerable: true, configurable: true});
  }

  function valueOf(rule) {
    const outside = take();
    const said = [];
    let latest, latestMeta, tagged = false;
    const rules = {__proto__: null}, meta = {__proto__: null};
    const steps = scope({}, rules, meta);
    let out = steps.next().value;
    for (const child of rule.children) {
      if (typeof child === "string") {
        said.push(child);
      } else if ("tag" in child) {
        place = `rule '${rule.name}'`;
        define(rules, "latest", {value: () => latest, configurable: true});
        define(meta, "latest", {value: () => latestMeta, configurable: true});
        define(meta, "current", {value: () => ({text: said.join(" "), score: 1}), configurable: true});
        lent = tagged = true;
        out = steps.next(child.tag).value;
      } else {
        const found = "children" in child ? valueOf(child) : {value: child.value, text: child.text};
        latest = found.value;
        latestMeta = {text: found.text, score: 1};
        publish(rules, child.name, latest);
        publish(meta, child.name, latestMeta);
        if (found.text) said.push(found.text);
      }
    }
    take();
    for (const key of keys(outside)) globalThis[key] = outside[key];
    if (!tagged) out = latestMeta === undefined ? said.join(" ") : latest;
    return {value: out, text: said.join(" ")};
  }

  try {
    for (const tag of headers) evaluate(tag);
    globals = new Set(keys(globalThis));
    for (const key of globals) {
      if ("value" in describe(globalThis, key)) define(globalThis, key, {writable: false, configurable: false});
    }
    const {value} = valueOf(root);
    place = "the value";
    const result = stringify(value);
    return result === undefined || result === "null" ? '""' : result;
  } catch (error) {
    // Without memory for an error the engine throws null.
    throw `${place}: ${error === null ? "InternalError: out of memory" : text(error)}`;
  }
})
"""


def program_of(parse: Parse, grammar: Grammar) -> str:
    """The program; it defines nothing it needs from outside and gives a string, the JSON text of the value.

    A script that fails makes it throw a string: the place, a colon and the error.
    """
    return f"{_PRELUDE.strip()}({_literal(grammar.tags)}, {_literal(_rule(parse))})"


def _rule(parse: Parse) -> dict[str, Any]:
    children: list[Any] = []
    for child in parse.children:
        if isinstance(child, Tag):
            children.append({"tag": child.text})
        elif isinstance(child, Token):
            children.append(child.text)
        elif isinstance(child, ExternalParse):
            children.append({"name": child.name, "text": child.text, "value": child.value})
        else:
            children.append(_rule(child))
    return {"name": parse.name, "children": children}


def _literal(value: Sequence[str] | dict[str, Any]) -> str:
    # Parsed there rather than written as ECMAScript, where a key `__proto__` is no ordinary key.
    return f"JSON.parse({json.dumps(json.dumps(value))})"
