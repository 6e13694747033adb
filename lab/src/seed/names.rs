//! Names: of users, objects and things in them.

use fastrand::Rng;
use uuid::Builder;

/// A random UUID.
pub(super) fn uuid(random: &mut Rng) -> String {
    Builder::from_random_bytes(random.u128(..).to_le_bytes()).into_uuid().to_string()
}

const WORDS: [&str; 16] = [
    "access", "backup", "build", "customer", "dump", "error", "export", "image", "invoice",
    "latest", "metrics", "nightly", "report", "session", "upload", "video",
];

const EXTENSIONS: [&str; 8] = ["bin", "csv", "gz", "jpg", "json", "log", "mp4", "txt"];

/// Names that tools have stumbled over.
const ODD: [&str; 6] =
    ["résumé", "with space", "quo\"te", "back\\slash", "日本語", "colon:semi;colon"];

/// The name of an object, of which no other in its directory has the same number. One in a hundred is odd.
pub(super) fn object(random: &mut Rng, number: u64) -> String {
    let word = if random.u8(..100) == 0 { random.choice(ODD) } else { random.choice(WORDS) };
    let extension = random.choice(EXTENSIONS).unwrap_or_default();
    format!("{}-{number:08}.{extension}", word.unwrap_or_default())
}

/// The name of a directory.
pub(super) fn directory(random: &mut Rng, number: u64) -> String {
    format!("{}-{number:06}", random.choice(WORDS).unwrap_or_default())
}

/// An MD5 in base 64, such as nothing has.
pub(super) fn md5(random: &mut Rng) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The last digit has two bits.
    let digit =
        |random: &mut Rng, bits: usize| DIGITS.get(random.usize(..64) >> bits << bits).copied();
    let digits = (0..22).filter_map(|index| digit(random, if index == 21 { 4 } else { 0 }));
    digits.map(char::from).chain("==".chars()).collect()
}
