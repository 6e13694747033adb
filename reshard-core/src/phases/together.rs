//! Doing things at the same time.

use futures_util::future::join_all;

use crate::phase::Trouble;

/// Waits for all of them, also after one has failed: what has begun is not cut off in its middle. Of several troubles the one
/// that can be mended least is told.
pub(super) async fn together<T, F>(all: impl IntoIterator<Item = F>) -> Result<Vec<T>, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut done = Vec::new();
    let mut worst: Option<Trouble> = None;
    for result in join_all(all).await {
        match result {
            Ok(one) => done.push(one),
            Err(trouble) if worst.as_ref().is_none_or(|worst| rank(&trouble) > rank(worst)) => {
                worst = Some(trouble);
            }
            Err(_) => {}
        }
    }
    worst.map_or(Ok(done), Err)
}

fn rank(trouble: &Trouble) -> u8 {
    match trouble {
        Trouble::Passing { .. } => 0,
        Trouble::OverBudget { .. } => 1,
        Trouble::Stopped => 2,
        Trouble::Hold { .. } => 3,
        Trouble::SessionOver => 4,
        Trouble::Journal(_) => 5,
        Trouble::Overtaken { .. } => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_worst_trouble_is_told() {
        let results = |hold: bool| {
            [
                Ok(1),
                Err(Trouble::passing("later")),
                if hold { Err(Trouble::hold("no", "do it")) } else { Ok(2) },
            ]
        };
        let told = together(results(true).map(std::future::ready)).await.unwrap_err();
        assert!(matches!(told, Trouble::Hold { .. }), "{told}");
        let told = together(results(false).map(std::future::ready)).await.unwrap_err();
        assert!(matches!(told, Trouble::Passing { .. }), "{told}");
        let done = together([Ok(1), Ok(2)].map(std::future::ready::<Result<_, Trouble>>)).await;
        assert_eq!(done.unwrap(), [1, 2]);
    }
}
