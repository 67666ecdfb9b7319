//! One notebook in a world where everything may break, from one seed.
//!
//! The room, two browsers, two workstations with their agents, runtime peers that the agents
//! start, kernels behind keepers, and a small control plane. Time is a number, the network a
//! queue of deliveries, the disk what survives a crash. Links are cut; server, agents, peers and
//! kernels die, and all but the kernels come back. In every other world the owner also
//! interrupts, restarts, cancels and attaches elsewhere, and cells fail. Links are FIFO in each
//! direction and know nothing of each other. Half of the rooms start over again and again with everybody there. After the storm the world is left alone until it
//! falls silent, then [`run`] checks what must hold:
//!
//! - all replicas equal the room's documents, those of browsers and of the living session;
//! - every change that was acknowledged is there;
//! - every acknowledged execution ended, its output exactly once and in order; where nobody
//!   intervened, it ended well and is complete;
//! - no kernel was given an execution twice, and where nobody intervened no other kernel got it;
//! - at no moment were two runtime sessions active in the room, nor two peers of one job alive;
//! - cloud, machines and room agree in the end which session is there, and no other job's kernel lives;
//! - nobody's frame was refused.
//!
//! `TRACE=1` writes what happens. Start reading at `world.rs`.

mod browser;
mod check;
mod cloud;
mod kernel;
mod network;
mod peer;
mod people;
mod server;
mod station;
mod world;

use world::World;

/// Runs one world and says how often its room started over; the error says what broke and how to play it again.
pub fn run(seed: u64) -> Result<usize, String> {
    let mut world = World::new(seed);
    world
        .storm()
        .and_then(|()| world.calm())
        .and_then(|()| check::all(&mut world))
        .map(|()| world.epochs)
        .map_err(|broken| {
            format!(
                "seed {seed}: {broken}\nplay again: SEED={seed} cargo test -p testkit --test simulator worlds_0_to_99"
            )
        })
}
