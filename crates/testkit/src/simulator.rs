//! One room, its browsers and its machine in a world where everything may break, from one seed.
//!
//! Time is a number, the network a queue of deliveries, the disk two lists: what is durable and
//! what is not yet. Links are cut, the server and the runtime peer crash and come back; links are
//! FIFO in each direction and know nothing of each other. After the storm the world is left alone
//! until it falls silent, then [`run`] checks what must hold:
//!
//! - all replicas equal the room's documents;
//! - every change that was acknowledged is there;
//! - every acknowledged execution ended, its output exactly once and in order;
//! - the kernel was given no execution twice;
//! - at no moment were two runtime peers in the room;
//! - nobody's frame was refused.
//!
//! Start reading at `world.rs`.

mod browser;
mod check;
mod kernel;
mod machine;
mod world;

use world::World;

/// Runs one world; the error says what broke and how to play it again.
pub fn run(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    world
        .storm()
        .and_then(|()| world.calm())
        .and_then(|()| check::all(&mut world))
        .map_err(|broken| format!("seed {seed}: {broken}\nplay again: SEED={seed}"))
}
