//! Mustache templates, as far as Manta's manifests need them: variables, sections, inverted sections, comments.

use serde_json::Value;
use thiserror::Error;

/// Sections may be in sections this deep.
const DEPTH: usize = 32;

/// A template that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum TemplateError {
    /// Two braces without the two that close them.
    #[error("a tag is not closed: {{{{{beginning}")]
    OpenTag {
        /// The text after the braces.
        beginning: String,
    },
    /// A section without its end.
    #[error("the section {name} is not closed")]
    OpenSection {
        /// The section.
        name: String,
    },
    /// The end of a section that is not the innermost.
    #[error("{name} is closed where it is not open")]
    NotOpen {
        /// The section.
        name: String,
    },
    /// Sections in sections in sections …
    #[error("the template has more than {DEPTH} sections inside each other")]
    TooDeep,
}

/// Fills a template with values. What there is no value for is empty.
///
/// # Errors
/// The template is malformed.
pub(crate) fn render(template: &str, values: &Value) -> Result<String, TemplateError> {
    let mut tokens = tokens(template)?.into_iter();
    let nodes = section(&mut tokens, None, 0)?;
    let mut output = String::new();
    fill(&nodes, &mut vec![values], &mut output);
    Ok(output)
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Text(&'t str),
    Variable { name: &'t str, escaped: bool },
    Open { name: &'t str, inverted: bool },
    Close(&'t str),
}

enum Node<'t> {
    Text(&'t str),
    Variable { name: &'t str, escaped: bool },
    Section { name: &'t str, inverted: bool, nodes: Vec<Self> },
}

/// Splits a template. A tag that prints nothing and is alone on its line takes the line with it.
fn tokens(template: &str) -> Result<Vec<Token<'_>>, TemplateError> {
    let mut tokens = Vec::new();
    let mut rest = template;
    // Whether nothing but blanks has been on the line so far.
    let mut line_is_blank = true;
    while let Some((text, after)) = rest.split_once("{{") {
        let (tag, after) = close(after)?;
        let token = tag_token(tag);
        let last_line = text.rsplit_once('\n').map(|(_, last)| last);
        let indented = last_line.unwrap_or(text).trim().is_empty();
        let alone = indented
            && (line_is_blank || last_line.is_some())
            && !matches!(token, Some(Token::Variable { .. }));
        let line_end = end_of_blank_line(after);
        let text = match (alone, line_end) {
            (true, Some(_)) => text.trim_end_matches([' ', '\t']),
            _ => text,
        };
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        tokens.extend(token);
        rest = match (alone, line_end) {
            (true, Some(next)) => {
                line_is_blank = true;
                next
            }
            _ => {
                line_is_blank = false;
                after
            }
        };
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest));
    }
    Ok(tokens)
}

/// The content of a tag, with its mark, and the text after it.
fn close(after: &str) -> Result<(&str, &str), TemplateError> {
    let closing = if after.starts_with('{') { "}}}" } else { "}}" };
    after
        .split_once(closing)
        .ok_or_else(|| TemplateError::OpenTag { beginning: after.chars().take(20).collect() })
}

/// `None` is a comment.
fn tag_token(tag: &str) -> Option<Token<'_>> {
    let rest = |skip: usize| tag.get(skip..).unwrap_or_default().trim();
    Some(match tag.chars().next() {
        Some('!') => return None,
        Some('#') => Token::Open { name: rest(1), inverted: false },
        Some('^') => Token::Open { name: rest(1), inverted: true },
        Some('/') => Token::Close(rest(1)),
        Some('{' | '&') => Token::Variable { name: rest(1), escaped: false },
        _ => Token::Variable { name: tag.trim(), escaped: true },
    })
}

/// The text after the line, if the line has nothing more but blanks.
fn end_of_blank_line(after: &str) -> Option<&str> {
    let rest = after.trim_start_matches([' ', '\t', '\r']);
    rest.strip_prefix('\n').or_else(|| rest.is_empty().then_some(rest))
}

fn section<'t>(
    tokens: &mut std::vec::IntoIter<Token<'t>>,
    open: Option<&'t str>,
    depth: usize,
) -> Result<Vec<Node<'t>>, TemplateError> {
    if depth > DEPTH {
        return Err(TemplateError::TooDeep);
    }
    let mut nodes = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Text(text) => nodes.push(Node::Text(text)),
            Token::Variable { name, escaped } => nodes.push(Node::Variable { name, escaped }),
            Token::Open { name, inverted } => {
                let inside = section(tokens, Some(name), depth + 1)?;
                nodes.push(Node::Section { name, inverted, nodes: inside });
            }
            Token::Close(name) if open == Some(name) => return Ok(nodes),
            Token::Close(name) => return Err(TemplateError::NotOpen { name: name.to_owned() }),
        }
    }
    match open {
        None => Ok(nodes),
        Some(name) => Err(TemplateError::OpenSection { name: name.to_owned() }),
    }
}

fn fill(nodes: &[Node<'_>], context: &mut Vec<&Value>, output: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => output.push_str(text),
            Node::Variable { name, escaped } => {
                let text = look_up(name, context).map(text_of).unwrap_or_default();
                match escaped {
                    true => escape(&text, output),
                    false => output.push_str(&text),
                }
            }
            Node::Section { name, inverted, nodes } => {
                let value = look_up(name, context).filter(|value| is_true(value));
                match (value, inverted) {
                    (None, true) => fill(nodes, context, output),
                    (None, false) | (Some(_), true) => {}
                    (Some(Value::Array(items)), false) => {
                        for item in items {
                            within(item, nodes, context, output);
                        }
                    }
                    (Some(value), false) => within(value, nodes, context, output),
                }
            }
        }
    }
}

fn within<'v>(
    value: &'v Value,
    nodes: &[Node<'_>],
    context: &mut Vec<&'v Value>,
    output: &mut String,
) {
    context.push(value);
    fill(nodes, context, output);
    context.pop();
}

/// The value of a name, of the innermost section that has it.
fn look_up<'v>(name: &str, context: &[&'v Value]) -> Option<&'v Value> {
    if name == "." {
        return context.last().copied();
    }
    let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
    let found = context.iter().rev().find_map(|value| value.get(first))?;
    match rest {
        None => Some(found),
        Some(rest) => rest.split('.').try_fold(found, |value, key| value.get(key)),
    }
}

/// As in JavaScript, but for lists: an empty one is false.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

/// As JavaScript prints it.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

fn escape(text: &str, output: &mut String) {
    for character in text.chars() {
        match character {
            '&' => output.push_str("&amp;"),
            '<' => output.push_str("&lt;"),
            '>' => output.push_str("&gt;"),
            '"' => output.push_str("&quot;"),
            '\'' => output.push_str("&#39;"),
            other => output.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rendered(template: &str, values: &Value) -> String {
        render(template, values).unwrap()
    }

    #[test]
    fn variables() {
        let values =
            json!({"a": "x<\"'&>", "n": 5, "t": true, "o": {"p": {"q": "deep"}}, "l": [1, "b"]});
        assert_eq!(
            rendered("{{a}}|{{{a}}}|{{& a }}", &values),
            "x&lt;&quot;&#39;&amp;&gt;|x<\"'&>|x<\"'&>"
        );
        assert_eq!(
            rendered("{{n}} {{t}} {{ o.p.q }} {{l}} {{o}}", &values),
            "5 true deep 1,b [object Object]"
        );
        assert_eq!(rendered("[{{none}}{{o.none.q}}{{! a comment }}]", &values), "[]");
    }

    #[test]
    fn sections() {
        let values = json!({
            "list": [{"host": "a", "ports": [1, 2]}, {"host": "b", "last": true}],
            "empty": [], "zero": 0, "no": false, "yes": "yes", "object": {"k": "v"}, "k": "outer",
        });
        let list = "{{#list}}{{host}}{{#ports}}:{{.}}{{/ports}}{{^last}},{{/last}}{{/list}}";
        assert_eq!(rendered(list, &values), "a:1:2,b");
        let falsy = "{{#empty}}1{{/empty}}{{#zero}}2{{/zero}}{{#no}}3{{/no}}{{#none}}4{{/none}}";
        assert_eq!(rendered(falsy, &values), "");
        assert_eq!(
            rendered("{{^empty}}e{{/empty}}{{^yes}}n{{/yes}}{{#yes}}y{{/yes}}", &values),
            "ey"
        );
        assert_eq!(rendered("{{#object}}{{k}} {{yes}}{{/object}} {{k}}", &values), "v yes outer");
    }

    #[test]
    fn a_tag_alone_on_its_line_takes_the_line_with_it() {
        let template = "[\n  {{#l}}\n  {{.}}{{^last}},{{/last}}\n  {{/l}}\n]\n{{! end }}\n";
        assert_eq!(rendered(template, &json!({"l": [1, 2]})), "[\n  1,\n  2,\n]\n");
        assert_eq!(rendered("a {{#y}}\nb{{/y}} c\n", &json!({"y": 1})), "a \nb c\n");
    }

    #[test]
    fn malformed_templates_are_refused() {
        let error = |template| render(template, &json!({})).unwrap_err().to_string();
        assert_eq!(error("a {{b"), "a tag is not closed: {{b");
        assert_eq!(error("{{#a}}"), "the section a is not closed");
        assert_eq!(error("{{#a}}{{/b}}{{/a}}"), "b is closed where it is not open");
        assert_eq!(render(&"{{#a}}".repeat(40), &json!({})), Err(TemplateError::TooDeep));
    }

    proptest! {
        #[test]
        fn text_without_braces_is_kept(text in "[^{]*") {
            prop_assert_eq!(rendered(&text, &json!({})), text);
        }

        #[test]
        fn nothing_panics(template in "[a{}#^/!&.\n ]{0,60}") {
            if let Ok(text) = render(&template, &json!({"a": [{"a": 1}, 0]})) {
                prop_assert!(text.len() < 1 << 20);
            }
        }
    }
}
