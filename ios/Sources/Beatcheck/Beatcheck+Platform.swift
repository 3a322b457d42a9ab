// What the platform targets of this package (BeatcheckApple) need of the facade. Not for apps: nothing here is public.
import BeatcheckCore

extension Beatcheck {
    /// The core's device, for work that is already on a thread of its own.
    package var platformDevice: Device { device }

    /// A pause or a resume was done on `platformDevice`: `states` is to say so.
    package func lifecycleChanged() { feed.refresh() }
}
