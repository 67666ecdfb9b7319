//! How many requests of each address are being answered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The requests that are being answered, by the address that they are counted for.
#[derive(Debug, Clone, Default)]
pub struct AddressPlaces(Arc<Mutex<HashMap<IpAddr, u64>>>);

/// A request that is being answered; leaving scope gives its place up.
#[derive(Debug)]
pub struct AddressPlace {
    places: AddressPlaces,
    address: IpAddr,
}

impl AddressPlaces {
    /// Takes a place for a request of an address, which may have `limit`; none if it has as many.
    pub fn take(&self, address: IpAddr, limit: u64) -> Option<AddressPlace> {
        let mut taken = self.lock();
        let count = taken.get(&address).copied().unwrap_or_default();
        if count >= limit {
            return None;
        }
        taken.insert(address, count + 1);
        drop(taken);
        Some(AddressPlace {
            places: self.clone(),
            address,
        })
    }

    /// The lock guards counts; a panic elsewhere leaves them whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}
