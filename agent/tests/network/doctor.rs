//! What the probe promises holds for real faults.

use crate::orders::{delay, inject, partition};
use crate::world::World;
use squall_agent::doctor::probe;
use squall_experiments::fault::{Direction, Effect, NetworkOrder, Support};

#[test]
fn what_the_probe_names_is_what_carries_the_fault() {
    let Some(world) = World::new() else { return };
    let all = probe();
    let promised = |effect, direction| {
        let one = all.iter().find(|one| one.effect == effect && one.direction == Some(direction)).unwrap();
        let Support::By { backend } = &one.support else { panic!("{one:?}") };
        backend.clone()
    };
    for direction in [Direction::Egress, Direction::Ingress] {
        let fault = inject(&world.here, &NetworkOrder { direction, ..partition() });
        assert_eq!(fault.backend(), promised(Effect::Drop, direction));
    }
    assert_eq!(inject(&world.here, &delay("1ms")).backend(), promised(Effect::Delay, Direction::Ingress));
}
