//! The blame for errors: a server's, or nobody's.

use super::*;

fn error(kind: ErrorKind) -> Error {
    let context = Context {
        api: "IMGAPI",
        base: &"http://10.0.0.1".parse().unwrap(),
        method: Method::Get,
        path: "/images/7",
        request_id: "r",
        effect: Effect::Read,
    };
    Error::new(&context, kind)
}

fn answered(status: u16, is_foreign: bool) -> Error {
    let fields = Vec::new();
    error(ErrorKind::Server(ServerError { status, code: None, message: None, fields, is_foreign }))
}

#[test]
fn what_is_not_there_or_wrong_by_itself_is_an_answer() {
    let digest =
        Unreadable::Digest { what: "SHA-1", expected: "a".to_owned(), actual: "b".to_owned() };
    for answer in [answered(404, false), answered(409, false), error(ErrorKind::Unreadable(digest))]
    {
        assert!(!answer.is_of_the_server(), "{answer}");
    }
    for failure in [
        answered(404, true),
        answered(500, false),
        error(ErrorKind::Timeout(Duration::from_secs(1))),
        error(ErrorKind::Unreadable(Unreadable::CutOff)),
    ] {
        assert!(failure.is_of_the_server(), "{failure}");
    }
}
