/** The code editor (SQL, JSON); loaded only on pages that edit. */
import { useEffect, useRef } from 'react';
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { StandardSQL, sql } from '@codemirror/lang-sql';
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers, placeholder as placeholderText } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { readNonce } from '../app/nonce';

export interface EditorProps {
  value: string;
  onChange: (value: string) => void;
  language: 'sql' | 'json';
  label: string;
  placeholder?: string;
  minHeight?: number;
  maxHeight?: number;
  /** Views and their columns, for completion in SQL. */
  schema?: Record<string, string[]>;
  diagnostics?: Diagnostic[];
  /** Called on Ctrl+Enter or Command+Enter. */
  onRun?: () => void;
}

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--tb-code-atom)', fontWeight: '600' },
  { tag: [tags.propertyName, tags.name], color: 'var(--tb-code-key)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--tb-code-string)' },
  { tag: tags.number, color: 'var(--tb-code-number)' },
  { tag: [tags.bool, tags.null], color: 'var(--tb-code-atom)' },
  { tag: tags.comment, color: 'var(--mantine-color-dimmed)', fontStyle: 'italic' },
]);

function look(minHeight: number, maxHeight: number): Extension {
  return EditorView.theme({
    '&': { fontSize: '13px', backgroundColor: 'transparent', color: 'var(--mantine-color-text)' },
    '&.cm-focused': { outline: 'none' },
    '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.6', minHeight: `${minHeight}px`, maxHeight: `${maxHeight}px`, overflow: 'auto' },
    '.cm-content': { padding: '12px 0', caretColor: 'var(--mantine-color-text)' },
    '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
    '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: 'var(--mantine-color-dimmed)' },
    '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--tb-accent) 6%, transparent)' },
    '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--tb-accent) 24%, transparent) !important' },
    '.cm-placeholder': { color: 'var(--mantine-color-placeholder)' },
    '.cm-tooltip': { backgroundColor: 'var(--tb-surface)', color: 'var(--mantine-color-text)', border: '1px solid var(--tb-border)', borderRadius: '8px', overflow: 'hidden', boxShadow: '0 6px 20px rgb(0 0 0 / 14%)' },
    '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '12.5px' },
    '.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
    '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--tb-accent-soft)', color: 'var(--mantine-color-text)' },
    '.cm-diagnostic': { fontFamily: 'var(--mantine-font-family)', fontSize: '13px', padding: '6px 10px' },
    '.cm-lintRange-error': { backgroundColor: 'var(--tb-bad-soft)', backgroundImage: 'none', borderBottom: '2px solid var(--tb-bad)' },
  });
}

export default function Editor({ value, onChange, language, label, placeholder, minHeight = 120, maxHeight = 360, schema, diagnostics, onRun }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const callbacks = useRef({ onChange, onRun });
  const languageSlot = useRef(new Compartment());
  useEffect(() => {
    callbacks.current = { onChange, onRun };
  });

  // The editor is made once; later values are dispatched below.
  const initial = useRef({ value, language, label, placeholder, minHeight, maxHeight });
  useEffect(() => {
    const slot = languageSlot.current;
    const start = initial.current;
    if (host.current === null) return undefined;
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: start.value,
        extensions: [
          EditorView.cspNonce.of(readNonce()),
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => { callbacks.current.onRun?.(); return callbacks.current.onRun !== undefined; } }])),
          lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion(), highlightActiveLine(),
          syntaxHighlighting(highlight), lintGutter(),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
          slot.of(start.language === 'sql' ? sql({ dialect: StandardSQL, upperCaseKeywords: true }) : json()),
          look(start.minHeight, start.maxHeight),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': `${start.label}. Escape, then Tab leaves the editor.` }),
          placeholderText(start.placeholder ?? ''),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) callbacks.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    if (language !== 'sql' || schema === undefined) return;
    view.current?.dispatch({ effects: languageSlot.current.reconfigure(sql({ dialect: StandardSQL, upperCaseKeywords: true, schema })) });
  }, [language, schema]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const end = editor.state.doc.length;
    const inside = (diagnostics ?? []).map((d) => ({ ...d, from: Math.min(d.from, end), to: Math.min(d.to, end) }));
    editor.dispatch(setDiagnostics(editor.state, inside));
  }, [diagnostics]);

  return <div className="editor" ref={host} />;
}
