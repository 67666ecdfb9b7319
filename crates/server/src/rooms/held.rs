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

/// Tells an asker that what it caused is durable.
pub type Answer = Box<dyn FnOnce() + Send>;

enum Item {
    Batch(Durable),
    Effect(Effect),
    Answer(Answer),
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

    /// Answers an asker once everything before is durable; at once when nothing waits.
    pub fn answer(&mut self, answer: Answer) {
        if self.line.is_empty() {
            answer();
        } else {
            self.line.push_back(Item::Answer(answer));
        }
    }

    /// Waits for the first batch, answers who waited for it, then gives the effects up to the next one. Never resolves while
    /// nothing waits. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> store::Result<(Position, Vec<Effect>)> {
        let position = poll_fn(|context| match self.line.front_mut() {
            Some(Item::Batch(batch)) => batch.as_mut().poll(context),
            Some(Item::Effect(_) | Item::Answer(_)) => Poll::Ready(Ok(Position::default())),
            None => Poll::Pending,
        })
        .await;
        if matches!(self.line.front(), Some(Item::Batch(_))) {
            self.line.pop_front();
            self.batches -= 1;
        }
        let position = position?;
        let mut effects = Vec::new();
        while !matches!(self.line.front(), None | Some(Item::Batch(_))) {
            match self.line.pop_front() {
                Some(Item::Effect(effect)) => effects.push(effect),
                Some(Item::Answer(answer)) => answer(),
                Some(Item::Batch(_)) | None => {}
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

    #[tokio::test]
    async fn an_asker_is_answered_when_its_change_is_durable() {
        let mut held = Held::default();
        let (now, mut answered) = oneshot::channel();
        held.answer(Box::new(move || now.send(()).unwrap()));
        assert!(answered.try_recv().is_ok(), "nothing had to be waited for");
        let (one, first) = batch();
        let (later, mut answered) = oneshot::channel();
        held.wait_for(first);
        held.answer(Box::new(move || later.send(()).unwrap()));
        assert!(
            answered.try_recv().is_err(),
            "answered before it was durable"
        );
        one.send(1).unwrap();
        held.next().await.unwrap();
        assert!(answered.try_recv().is_ok());
        assert!(held.is_empty());
    }
}
