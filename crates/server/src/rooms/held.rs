//! Effects in the order the room gave them, held back behind what is not yet durable (D15).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use room::Effect;
use store::document_log::{Durable, Position};

/// A line of effects and of log batches they wait for.
#[derive(Default)]
pub struct Held {
    line: VecDeque<Item>,
    batches: usize,
}

enum Item {
    Batch(Durable),
    Effect(Effect),
}

impl Held {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// How many batches are not yet durable.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Everything after this waits for the batch.
    pub fn wait_for(&mut self, batch: Durable) {
        self.line.push_back(Item::Batch(batch));
        self.batches += 1;
    }

    /// Adds an effect; it comes back at once when nothing stands before it.
    pub fn pass(&mut self, effect: Effect) -> Option<Effect> {
        if self.line.is_empty() {
            return Some(effect);
        }
        self.line.push_back(Item::Effect(effect));
        None
    }

    /// Waits for the first batch, then gives the effects up to the next one. Never resolves while
    /// nothing waits. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> store::Result<(Position, Vec<Effect>)> {
        let position = poll_fn(|context| match self.line.front_mut() {
            Some(Item::Batch(batch)) => batch.as_mut().poll(context),
            Some(Item::Effect(_)) => Poll::Ready(Ok(Position::default())),
            None => Poll::Pending,
        })
        .await;
        if matches!(self.line.front(), Some(Item::Batch(_))) {
            self.line.pop_front();
            self.batches -= 1;
        }
        let position = position?;
        let mut effects = Vec::new();
        while let Some(Item::Effect(_)) = self.line.front() {
            if let Some(Item::Effect(effect)) = self.line.pop_front() {
                effects.push(effect);
            }
        }
        Ok((position, effects))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use wire::UnixMs;

    use super::*;

    fn batch() -> (oneshot::Sender<i64>, Durable) {
        let (sender, receiver) = oneshot::channel();
        let durable = async move { Ok(Position(receiver.await.unwrap())) };
        (sender, Box::pin(durable))
    }

    fn effect(n: i64) -> Effect {
        Effect::WakeAt(UnixMs(n))
    }

    #[tokio::test]
    async fn nothing_passes_a_batch_that_is_not_durable() {
        let mut held = Held::default();
        assert_eq!(held.pass(effect(0)), Some(effect(0)));
        let ((one, first), (two, second)) = (batch(), batch());
        held.wait_for(first);
        assert_eq!(held.pass(effect(1)), None);
        held.wait_for(second);
        assert_eq!(held.pass(effect(2)), None);
        two.send(2).unwrap();
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(1), held.next())
                .await
                .is_err(),
            "the second batch must not release what waits for the first"
        );
        one.send(1).unwrap();
        assert_eq!(held.next().await.unwrap(), (Position(1), vec![effect(1)]));
        assert_eq!(held.next().await.unwrap(), (Position(2), vec![effect(2)]));
        assert!(held.is_empty());
    }
}
