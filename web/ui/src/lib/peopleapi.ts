// People and roles over HTTP. Part of `Api`, which lends it its ways of asking.

import type { AddedPerson, Door, Grant, May, NewPerson, Person, Role, RoleBody, Sees } from './people';
import type { Asking } from './registryapi';

export class PeopleApi {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  list(signal?: AbortSignal): Promise<readonly Person[]> {
    return this.#asking.get('/api/people', signal);
  }

  add(person: NewPerson): Promise<AddedPerson> {
    return this.#asking.change('POST', '/api/people', person);
  }

  /** What is left out stays; a new password ends the person's sign-ins. */
  change(
    name: string,
    patch: { readonly display_name?: string; readonly grants?: readonly Grant[]; readonly password?: string },
  ): Promise<Person> {
    return this.#asking.change('PATCH', personUrl(name), patch);
  }

  remove(name: string): Promise<unknown> {
    return this.#asking.change('DELETE', personUrl(name));
  }

  may(name: string, signal?: AbortSignal): Promise<May> {
    return this.#asking.get(`${personUrl(name)}/may`, signal);
  }

  /** With the reasons: which grant allows what, and what is hidden. Noted in the audit. */
  sees(name: string, signal?: AbortSignal): Promise<Sees> {
    return this.#asking.get(`${personUrl(name)}/sees`, signal);
  }

  roleSees(name: string, signal?: AbortSignal): Promise<Sees> {
    return this.#asking.get(`/api/roles/${encodeURIComponent(name)}/sees`, signal);
  }

  doors(name: string, signal?: AbortSignal): Promise<readonly Door[]> {
    return this.#asking.get(`${personUrl(name)}/sessions`, signal);
  }

  /** Ends a sign-in or token, and within seconds what is watched by it. */
  shut(name: string, id: string): Promise<unknown> {
    return this.#asking.change('DELETE', `${personUrl(name)}/sessions/${encodeURIComponent(id)}`);
  }

  /** Raises a 404 if there is none. */
  resetSecondFactor(name: string): Promise<unknown> {
    return this.#asking.change('DELETE', `${personUrl(name)}/second-factor`);
  }

  roles(signal?: AbortSignal): Promise<readonly Role[]> {
    return this.#asking.get('/api/roles', signal);
  }

  putRole(name: string, role: RoleBody): Promise<Role> {
    return this.#asking.change('PUT', `/api/roles/${encodeURIComponent(name)}`, role);
  }

  removeRole(name: string): Promise<unknown> {
    return this.#asking.change('DELETE', `/api/roles/${encodeURIComponent(name)}`);
  }
}

function personUrl(name: string): string {
  return `/api/people/${encodeURIComponent(name)}`;
}
