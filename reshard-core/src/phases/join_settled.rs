//! Doing things at the same time.

use futures_util::future::join_all;

use crate::phase::PhaseError;

/// Waits for all of them, also after one has failed: what has begun is not cut off in its middle. Of several troubles the one
/// that can be mended least is told.
pub(super) async fn join_settled<T, F>(
    all: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, PhaseError>
where
    F: Future<Output = Result<T, PhaseError>>,
{
    let mut done = Vec::new();
    let mut worst: Option<PhaseError> = None;
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

fn rank(trouble: &PhaseError) -> u8 {
    match trouble {
        PhaseError::Transient { .. } => 0,
        PhaseError::OverBudget { .. } => 1,
        PhaseError::Stopped => 2,
        PhaseError::Hold { .. } => 3,
        PhaseError::SessionOver => 4,
        PhaseError::Journal(_) => 5,
        PhaseError::Overtaken { .. } => 6,
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
                Err(PhaseError::transient("later")),
                if hold { Err(PhaseError::hold("no", "do it")) } else { Ok(2) },
            ]
        };
        let told = join_settled(results(true).map(std::future::ready)).await.unwrap_err();
        assert!(matches!(told, PhaseError::Hold { .. }), "{told}");
        let told = join_settled(results(false).map(std::future::ready)).await.unwrap_err();
        assert!(matches!(told, PhaseError::Transient { .. }), "{told}");
        let done =
            join_settled([Ok(1), Ok(2)].map(std::future::ready::<Result<_, PhaseError>>)).await;
        assert_eq!(done.unwrap(), [1, 2]);
    }
}
