//! The places where zones register their names.

use manatee_client::ShardName;

/// The node of ZooKeeper below which the zones of a shard register: the parts of its name from the last to the first.
pub fn registration_path(shard: &ShardName) -> String {
    shard.as_str().split('.').rev().fold(String::new(), |path, part| path + "/" + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_name_backwards() {
        let shard: ShardName = "3.moray.lab.example.net".parse().unwrap();
        assert_eq!(registration_path(&shard), "/net/example/lab/moray/3");
    }
}
