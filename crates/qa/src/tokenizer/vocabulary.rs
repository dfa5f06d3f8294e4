//! Conversion of the vocabulary files of older models to `tokenizer.json`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Vocabulary files of a model without `tokenizer.json`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vocabulary<'a> {
    /// `vocab.txt`, with one word piece in each line.
    WordPiece(&'a [u8]),
    /// `vocab.json` and `merges.txt`.
    ByteLevel { pieces: &'a [u8], merges: &'a [u8] },
}

/// The `tokenizer.json` of `vocabulary` in transformers, without settings. `token` returns the special token of a setting.
///
/// # Errors
/// Name of the invalid file, and the cause.
pub(crate) fn tokenizer_json(
    vocabulary: Vocabulary<'_>,
    token: impl Fn(&str) -> Option<String>,
) -> Result<Value, String> {
    match vocabulary {
        Vocabulary::WordPiece(pieces) => word_piece(pieces, token),
        Vocabulary::ByteLevel { pieces, merges } => byte_level(pieces, merges, token),
    }
}

fn word_piece(pieces: &[u8], token: impl Fn(&str) -> Option<String>) -> Result<Value, String> {
    let text = text(pieces, "vocab.txt")?;
    // Of lines with the same piece the last one counts.
    let vocabulary: Map<String, Value> = lines(&text)
        .enumerate()
        .map(|(id, piece)| (piece.to_owned(), json!(id)))
        .collect();
    let special = |setting: &str| special(&vocabulary, setting, "vocab.txt", &token);
    let (separator, class) = (special("sep_token")?, special("cls_token")?);
    Ok(json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": true,
            "strip_accents": null,
            "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": separator, "cls": class },
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": token("unk_token"),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }))
}

fn byte_level(
    pieces: &[u8],
    merges: &[u8],
    token: impl Fn(&str) -> Option<String>,
) -> Result<Value, String> {
    let vocabulary: Map<String, Value> =
        serde_json::from_slice(pieces).map_err(|error| format!("vocab.json: {error}"))?;
    let special = |setting: &str| special(&vocabulary, setting, "vocab.json", &token);
    let (separator, class) = (special("sep_token")?, special("cls_token")?);
    let text = text(merges, "merges.txt")?;
    let mut lines: Vec<&str> = text.split('\n').skip(1).collect();
    // As in transformers: the first line is the version, and the text after the last line feed is ignored.
    lines.pop();
    let mut seen = HashSet::new();
    let merges: Vec<Vec<&str>> = lines
        .into_iter()
        .map(|line| line.split_whitespace().collect())
        .filter(|merge: &Vec<&str>| seen.insert(merge.clone()))
        .collect();
    Ok(json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": true,
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": separator,
            "cls": class,
            "trim_offsets": true,
            "add_prefix_space": false,
        },
        "decoder": null,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocabulary,
            "merges": merges,
        },
    }))
}

/// Text and id of the special token of a setting.
fn special(
    vocabulary: &Map<String, Value>,
    setting: &str,
    file: &str,
    token: impl Fn(&str) -> Option<String>,
) -> Result<Value, String> {
    let content = token(setting).ok_or_else(|| format!("no setting has the `{setting}`"))?;
    let id = vocabulary.get(&content);
    let id = id.ok_or_else(|| format!("{file} has no `{content}`, the `{setting}`"))?;
    Ok(json!([content, id]))
}

/// Text with line feeds as line ends, as Python reads a text file.
fn text(bytes: &[u8], file: &str) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("{file}: {error}"))?;
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    (!text.is_empty())
        .then(|| whole.split('\n'))
        .into_iter()
        .flatten()
}
