# Python 2.7: the suite's `wstest`, listening on 127.0.0.1 alone, where it would listen on every
# address, and telling its port, so that port 0 can be asked for.
from __future__ import print_function

import autobahntestsuite.wstest
from twisted.internet import reactor

listen = reactor.listenTCP


def listen_on_loopback(port, factory, backlog=50, interface=''):
    listener = listen(port, factory, backlog, '127.0.0.1')
    print('listening on port %d' % listener.getHost().port)
    return listener


reactor.listenTCP = listen_on_loopback
autobahntestsuite.wstest.run()
