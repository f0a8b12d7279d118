import type { Viewer } from '../../../schema/model/viewer.ts';
import type { Meeting, Place } from '../../../server/feed/place.ts';
import type { Outlet } from '../../../server/http/outlet.ts';
import type { Bug } from '../ports.ts';

/** Bugs between readers: of those who are slow, who share, and who may not see everything. */

/** An outlet that does some of it otherwise. */
function otherwise(outlet: Outlet, other: Partial<Outlet>): Outlet {
  return {
    get hasRoom() {
      return 'hasRoom' in other ? (other.hasRoom ?? false) : outlet.hasRoom;
    },
    write: other.write ?? ((batch) => outlet.write(batch)),
    room: other.room ?? (() => outlet.room()),
    complete: () => outlet.complete(),
  };
}

/** What a slow reader has no room for is thrown away (etcd 17529). */
export const lostUnderSlowReader: Bug = {
  name: 'lost under a slow reader',
  breaks: 'W4',
  plant: () => ({
    outlet: (outlet) =>
      otherwise(outlet, {
        hasRoom: true,
        write: (batch) => void (outlet.hasRoom && outlet.write(batch)),
        room: () => Promise.resolve(),
      }),
  }),
};

/** What a slow reader has no room for is kept for it, however much it is. */
export const pilesUp: Bug = {
  name: 'messages pile up for a slow reader',
  breaks: 'W9',
  plant: () => ({
    outlet: (outlet) => otherwise(outlet, { hasRoom: true, room: () => Promise.resolve() }),
  }),
};

/** What one is told another is told too, who sees something else (yoga 4341). */
export const crossed: Bug = {
  name: 'readers crossed',
  breaks: 'W10',
  plant(random) {
    const all: { outlet: Outlet; viewer: Viewer }[] = [];
    return {
      outlet(outlet, viewer) {
        all.push({ outlet, viewer });
        return otherwise(outlet, {
          write(batch) {
            outlet.write(batch);
            const others = all.filter((one) => one.viewer.name !== viewer.name);
            const other = others[Math.floor(random() * others.length)];
            if (random() < 0.02 && other?.outlet.hasRoom === true) other.outlet.write(batch);
          },
        });
      },
    };
  },
};

/** Whoever comes again is taken for whom it was at first. */
export const replayAfterLostRight: Bug = {
  name: 'replay after a lost right',
  breaks: 'W10',
  plant() {
    const known = new Map<string, Viewer>();
    return {
      run: (run) => (operation, viewer) => {
        const before = known.get(viewer.name) ?? viewer;
        known.set(viewer.name, before);
        const isReplay = typeof operation.variables?.['after'] === 'string';
        return run(operation, isReplay ? before : viewer);
      },
    };
  },
};

/** A reader goes over to the others though they are a message further on. */
export const joinsLate: Bug = {
  name: 'member of a group joins one message late',
  breaks: 'W4',
  plant: (random) => ({
    feed: (feedFor) => (viewer, slot, place) => {
      misplace(place, random);
      return feedFor(viewer, slot, place);
    },
  }),
};

function misplace(place: Place, random: () => number): void {
  let { meeting } = place;
  Object.defineProperty(place, 'meeting', {
    get: () => meeting && mistaken(meeting, place, random),
    set(given: Meeting | undefined) {
      meeting = given;
    },
  });
}

function mistaken(meeting: Meeting, place: Place, random: () => number): Meeting {
  return {
    get at() {
      const { at } = meeting;
      const isAhead = at !== undefined && at > place.last && place.last > 0;
      return isAhead && random() < 0.5 ? place.last : at;
    },
    get isQuiet() {
      return meeting.isQuiet;
    },
    meet: () => meeting.meet(),
    onMove: (wake) => meeting.onMove(wake),
  };
}
