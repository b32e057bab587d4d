/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest application: start the client and stop. Whoever drives the node (`fleet verify`, a
 * debugger, your own code in place of this file) then calls fe_client_*.
 */
#include "fe_client.h"

int main(void)
{
    return fe_client_start(0) == FE_OK ? 0 : 1;
}
