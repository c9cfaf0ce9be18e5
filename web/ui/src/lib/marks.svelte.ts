// The marks as every camera page shows them: who marked a span on one camera finds it on the next.

import { NO_MARKS, type Marks } from './marks';

class MarkedSpan {
  current = $state.raw<Marks>(NO_MARKS);

  clear(): void {
    this.current = NO_MARKS;
  }
}

export const marked = new MarkedSpan();
