//! Names of pnodes that a reader takes for one another.
//!
//! A ring tells pnodes apart by every character, and electric-moray looks for a shard of exactly that name. A slash at the
//! end, a space in front or another case are slips of the hand.

use crate::id::Pnode;

/// The first of some pnodes that looks like this one, but is another: the two differ in nothing but white space around
/// them, case, scheme, port, or a slash or dot at the end.
pub fn lookalike<'a>(
    pnode: &Pnode,
    among: impl IntoIterator<Item = &'a Pnode>,
) -> Option<&'a Pnode> {
    let plain_name = plain(pnode.as_str());
    among.into_iter().find(|other| *other != pnode && plain(other.as_str()) == plain_name)
}

/// The host that a name means, as far as can be told.
fn plain(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_lowercase();
    let rest = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let host =
        rest.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(rest, |(host, _)| host);
    host.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pnode(name: &str) -> Pnode {
        name.parse().unwrap()
    }

    #[test]
    fn slips_of_the_hand_are_seen() {
        let there = [pnode("tcp://1.moray.a.example:2020"), pnode("tcp://2.moray.a.example:2020")];
        for slip in [
            "tcp://2.moray.a.example:2020/",
            " tcp://2.moray.a.example:2020",
            "tcp://2.moray.a.example:2020\n",
            "tcp://2.Moray.a.example:2020",
            "TCP://2.moray.a.example:2020",
            "2.moray.a.example:2020",
            "tcp://2.moray.a.example:2021",
            "tcp://2.moray.a.example",
            "tcp://2.moray.a.example.:2020",
        ] {
            assert_eq!(lookalike(&pnode(slip), &there), Some(&there[1]), "{slip:?}");
        }
    }

    #[test]
    fn the_same_name_and_other_shards_are_no_slips() {
        let there = [pnode("tcp://1.moray.a.example:2020"), pnode("a"), pnode("10")];
        for name in ["tcp://1.moray.a.example:2020", "tcp://3.moray.a.example:2020", "b", "1"] {
            assert_eq!(lookalike(&pnode(name), &there), None, "{name}");
        }
    }
}
