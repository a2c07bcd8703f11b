//! The list of `-l`: which hosts, ports and protocols it names. Nothing is opened here.
//!
//! ```text
//! [proto[NAME]:][tag[NAME]:|tag_NAME_:]HOST[:PORT]      items, separated by , or ;
//! ```
//!
//! Operators and scripts know the lines that refuse an item by heart, so they are spelled as they
//! always were, oddities included.

#![forbid(unsafe_code)]

use crate::settings::Protocol;

/// Which protocols clients may speak, as the way in which they log in says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All of them.
    All,
    /// Clients log in with ASCII commands, so no listener may speak anything else.
    Ascii,
    /// Clients log in by SASL, so no listener may speak text.
    Binary,
}

/// An item of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListItem<'a> {
    /// Without a protocol: the one of `-B`.
    pub protocol: Option<Protocol>,
    /// It asked to negotiate and was cut down to ASCII, which is worth a warning.
    pub restricted: bool,
    /// Without a host: all interfaces.
    pub host: Option<&'a str>,
    /// Without a port: the one of `-p`.
    pub port: Option<i32>,
}

/// Reads a list. The error is the text for standard error, with its newline if it has one.
///
/// # Errors
/// An item is none, or may not have the protocol that it names.
pub fn parse_list(list: &str, allowed: Allowed) -> Result<Vec<ListItem<'_>>, String> {
    let items = list.split([',', ';']).filter(|item| !item.is_empty());
    items.map(|item| parse_item(item, allowed)).collect()
}

fn parse_item(item: &str, allowed: Allowed) -> Result<ListItem<'_>, String> {
    refuse_tls(item)?;
    let (protocol, rest) = parse_protocol(item)?;
    let rest = skip_tag(rest)?;
    let (host, port) = parse_host(rest)?;
    let port = port.map(parse_port).transpose()?;

    let is_ascii = allowed == Allowed::Ascii;
    let restricted = is_ascii && protocol == Some(Protocol::Auto);
    if is_ascii && protocol == Some(Protocol::Binary) {
        return Err("Cannot use binary protocol when ascii authentication enabled\n".into());
    }
    Ok(ListItem {
        protocol: if restricted {
            Some(Protocol::Ascii)
        } else {
            protocol
        },
        restricted,
        host: Some(host).filter(|host| *host != "*"),
        port,
    })
}

/// The prefixes that only mean something to a server with TLS.
fn refuse_tls(item: &str) -> Result<(), String> {
    // The third is called by a wrong name in the text that operators know.
    for (prefix, shown) in [("notls:", "notls"), ("btls:", "btls"), ("mtls:", "otls")] {
        if item.starts_with(prefix) {
            return Err(format!(
                "'{shown}' option is valid only when SSL is enabled\n"
            ));
        }
    }
    Ok(())
}

/// Takes `proto[NAME]:` off the front. The leading part of a name is enough, even none
/// at all; a name that does not exist stands for the default.
fn parse_protocol(item: &str) -> Result<(Option<Protocol>, &str), String> {
    let Some(after) = item.strip_prefix("proto[") else {
        return Ok((None, item));
    };
    let (name, rest) =
        split_name(after, ']').ok_or_else(|| format!("Invalid protocol spec: \"{item}\"\n"))?;
    let protocol = if "ascii".starts_with(name) {
        Some(Protocol::Ascii)
    } else if "binary".starts_with(name) {
        Some(Protocol::Binary)
    } else if "negotiating".starts_with(name) {
        Some(Protocol::Auto)
    } else if "proxy".starts_with(name) {
        return Err(format!("Server not built with proxy: \"{item}\"\n"));
    } else {
        None
    };
    Ok((protocol, rest))
}

/// Takes `tag[NAME]:` or `tag_NAME_:` off the front. Only a proxy would read the name.
fn skip_tag(item: &str) -> Result<&str, String> {
    const TAG_LEN_MAX: usize = 8;
    let (after, end) = if let Some(after) = item.strip_prefix("tag[") {
        (after, ']')
    } else if let Some(after) = item.strip_prefix("tag_") {
        (after, '_')
    } else {
        return Ok(item);
    };
    let (name, rest) = split_name(after, end)
        .ok_or_else(|| format!("Invalid tag in socket config: \"{item}\"\n"))?;
    if !(1..=TAG_LEN_MAX).contains(&name.len()) {
        return Err(format!(
            "Listener tags must be between 1 and 8 characters: \"{item}\"\n"
        ));
    }
    Ok(rest)
}

/// Splits `NAME`, the character that ends it, a colon, and the rest.
fn split_name(text: &str, end: char) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(end)?;
    // A colon in the name means that the end was found too late, in the host.
    let rest = rest.strip_prefix(':')?;
    (!name.contains(':')).then_some((name, rest))
}

/// Splits `HOST[:PORT]`. Two colons or more without brackets are an IPv6 address, which
/// leaves no way to write a port.
fn parse_host(item: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(after) = item.strip_prefix('[') {
        // This text has no newline of its own; what follows it comes on the same line.
        let invalid = || format!("Invalid IPV6 address: \"{item}\"");
        let (host, rest) = after.split_once(']').ok_or_else(invalid)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(invalid()),
        };
    }
    Ok(match item.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (item, None),
    })
}

/// A decimal number of 32 bits, with blanks before and after it if need be.
fn parse_port(text: &str) -> Result<i32, String> {
    let invalid = || format!("Invalid port number: \"{text}\"\n");
    let number = text.trim_ascii_start();
    let sign_len = usize::from(number.starts_with(['-', '+']));
    let digits = number[sign_len..].bytes().take_while(u8::is_ascii_digit);
    let (number, after) = number.split_at(sign_len + digits.count());
    if !(after.is_empty() || after.starts_with(|c: char| c.is_ascii_whitespace())) {
        return Err(invalid());
    }
    number.parse().map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host and port of a list with a single item.
    fn place(list: &str) -> (Option<&str>, Option<i32>) {
        let items = parse_list(list, Allowed::All).unwrap();
        let [item] = items.as_slice() else {
            panic!("{list}: {items:?}")
        };
        (item.host, item.port)
    }

    fn protocol(list: &str) -> Option<Protocol> {
        parse_list(list, Allowed::All).unwrap()[0].protocol
    }

    fn error(list: &str) -> String {
        parse_list(list, Allowed::All).unwrap_err()
    }

    #[test]
    fn an_item_is_a_host_and_perhaps_a_port() {
        assert_eq!(place("127.0.0.1"), (Some("127.0.0.1"), None));
        assert_eq!(place("localhost:11211"), (Some("localhost"), Some(11211)));
        assert_eq!(place("[::1]"), (Some("::1"), None));
        assert_eq!(place("[::1]:80"), (Some("::1"), Some(80)));
        assert_eq!(place("::1"), (Some("::1"), None));
        assert_eq!(place("fe80::1:11211"), (Some("fe80::1:11211"), None));
        assert_eq!(place("*"), (None, None));
        assert_eq!(place("*:-1"), (None, Some(-1)));
        assert_eq!(place("h: 7 "), (Some("h"), Some(7)));
        for beyond in ["h:4294967296", "h:99999999999999999999"] {
            assert!(
                error(beyond).starts_with("Invalid port number: "),
                "{beyond}"
            );
        }
    }

    #[test]
    fn a_list_may_be_empty_and_is_split_at_commas_and_semicolons() {
        for empty in ["", ",", ";,;"] {
            assert_eq!(parse_list(empty, Allowed::All), Ok(Vec::new()));
        }
        let items = parse_list("a,b:1;c,,[d]:2", Allowed::All).unwrap();
        let hosts: Vec<_> = items.iter().map(|item| item.host.unwrap()).collect();
        assert_eq!(hosts, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_protocol_is_known_by_its_first_letters() {
        assert_eq!(protocol("h"), None);
        assert_eq!(protocol("proto[ascii]:h"), Some(Protocol::Ascii));
        assert_eq!(protocol("proto[]:h"), Some(Protocol::Ascii));
        assert_eq!(protocol("proto[b]:h"), Some(Protocol::Binary));
        assert_eq!(protocol("proto[neg]:h"), Some(Protocol::Auto));
        assert_eq!(protocol("proto[asciix]:h"), None);
        assert_eq!(protocol("proto[http]:h"), None);
        assert_eq!(place("proto[ascii]:[::1]:5"), (Some("::1"), Some(5)));
        assert_eq!(error("proto[b:h"), "Invalid protocol spec: \"proto[b:h\"\n");
        assert!(error("proto[b:[::1]:5").starts_with("Invalid protocol spec: "));
        assert!(error("proto[proxy]:h").starts_with("Server not built with proxy: "));
    }

    #[test]
    fn tags_are_checked_and_left_out() {
        assert_eq!(place("tag[a]:h:1"), (Some("h"), Some(1)));
        assert_eq!(place("tag_12345678_:h"), (Some("h"), None));
        assert_eq!(place("proto[a]:tag[b]:h"), (Some("h"), None));
        assert_eq!(place("tagged"), (Some("tagged"), None));
        for bad in ["tag[]:h", "tag[123456789]:h", "tag__:h"] {
            let text = format!("Listener tags must be between 1 and 8 characters: \"{bad}\"\n");
            assert_eq!(error(bad), text);
        }
        for bad in ["tag[a:h", "tag_a:h", "tag[a:[::1]:5"] {
            assert_eq!(
                error(bad),
                format!("Invalid tag in socket config: \"{bad}\"\n")
            );
        }
    }

    #[test]
    fn what_is_no_item_is_refused_in_the_known_words() {
        for bad in ["", "x", "1x", "-", "99999999999999999999"] {
            let list = format!("h:{bad}");
            assert_eq!(error(&list), format!("Invalid port number: \"{bad}\"\n"));
        }
        assert_eq!(error("[::1"), "Invalid IPV6 address: \"[::1\"");
        assert_eq!(error("[::1]1"), "Invalid IPV6 address: \"[::1]1\"");
        for (prefix, shown) in [("notls", "notls"), ("btls", "btls"), ("mtls", "otls")] {
            let text = format!("'{shown}' option is valid only when SSL is enabled\n");
            assert_eq!(error(&format!("{prefix}:h")), text);
        }
    }

    #[test]
    fn with_ascii_logins_only_ascii_is_spoken() {
        let refused = parse_list("proto[binary]:h", Allowed::Ascii).unwrap_err();
        let text = "Cannot use binary protocol when ascii authentication enabled\n";
        assert_eq!(refused, text);
        let items = parse_list("proto[negotiating]:h,h", Allowed::Ascii).unwrap();
        assert_eq!(items[0].protocol, Some(Protocol::Ascii));
        assert!(items[0].restricted);
        assert!(!items[1].restricted);
    }
}
