/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest application. With the runtime: a node that takes part in rounds for ever, through port/port.c.
 * Without it: start the client and stop; whoever drives the node (`fleet verify`, a debugger, your own code in place of
 * this file) then calls fe_client_*.
 */
#include "fe_client.h"
#if FE_WITH_RUNTIME
#include "fe_port.h"
#include "fe_turn.h"

int main(void)
{
    if (fe_node_start() != FE_OK)
        return 1;
    while (fe_port_sleep(fe_node_turn()))
        continue;
    return 0;
}
#else

int main(void)
{
    return fe_client_start(0) == FE_OK ? 0 : 1;
}
#endif
