//! Whatever is done in whatever order, nobody is locked out who was not named.

mod home;
mod world;

use proptest::prelude::*;

use self::world::{World, in_place};

/// One thing somebody does.
#[derive(Debug, Clone)]
enum Step {
    Start,
    /// To all, or to these of those there are.
    Issue(Option<Vec<usize>>),
    Renew(usize),
    /// A new client.
    Client,
    Finish,
    FinishForce,
    Undo,
    /// Where to.
    HandOut(usize, u8),
    /// The last hand-out to one of the places is undone: what was there before is there again.
    TakeBack(usize),
    /// A pair is moved out of the home, to be used elsewhere.
    MoveAway(usize),
    Days(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let some = prop::collection::vec(0..8_usize, 1..3);
    prop_oneof![
        3 => Just(Step::Start),
        2 => Just(Step::Issue(None)),
        2 => some.prop_map(|some| Step::Issue(Some(some))),
        3 => (0..8_usize).prop_map(Step::Renew),
        2 => Just(Step::Client),
        4 => Just(Step::Finish),
        1 => Just(Step::FinishForce),
        3 => Just(Step::Undo),
        5 => (0..8_usize, 0..3_u8).prop_map(|(which, place)| Step::HandOut(which, place)),
        2 => (0..8_usize).prop_map(Step::TakeBack),
        1 => (0..8_usize).prop_map(Step::MoveAway),
        2 => (1..200_u16).prop_map(Step::Days),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nobody_is_locked_out_who_was_not_named(
        ca_life in prop_oneof![Just("10y"), Just("2y")],
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new(ca_life);
        for step in &steps {
            let before = in_place(&world.home).len();
            if let Err(refused) = world.take(step) {
                prop_assert_eq!(in_place(&world.home).len(), before, "{}", refused);
            }
            world.assert_sound();
        }
        world.assert_ends();
    }
}
