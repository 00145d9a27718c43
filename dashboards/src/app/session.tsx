/**
 * Who is signed in. The key arrives in the address' fragment, which no server
 * sees, or by hand; it is kept in this tab, or on this device if asked for.
 */
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { api } from '../api/client';
import { setKey, setUnauthenticatedHandler } from '../api/http';
import type { Me } from '../api/types';

const storageName = 'tributary.key';

function readStored(): string | null {
  try {
    return sessionStorage.getItem(storageName) ?? localStorage.getItem(storageName);
  } catch {
    return null;
  }
}

function store(key: string | null, remember: boolean): void {
  try {
    sessionStorage.removeItem(storageName);
    localStorage.removeItem(storageName);
    if (key !== null) (remember ? localStorage : sessionStorage).setItem(storageName, key);
  } catch {
    // Private windows may refuse storage: the key then lives as long as the page.
  }
}

/** Reads `#key=…` and takes it out of the address bar and the history. */
export function takeKeyFromAddress(location: Location, history: History): string | null {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const key = fragment.get('key');
  if (key === null || key === '') return null;
  fragment.delete('key');
  const rest = fragment.toString();
  history.replaceState(history.state, '', location.pathname + location.search + (rest === '' ? '' : `#${rest}`));
  return key;
}

/** Called once before the first render, so that the first request has the key. */
export function startSession(): void {
  const fromAddress = takeKeyFromAddress(window.location, window.history);
  if (fromAddress !== null) store(fromAddress, false);
  setKey(fromAddress ?? readStored());
  initialKey = fromAddress ?? readStored();
}

let initialKey: string | null = null;

export type SessionState =
  | { state: 'checking' }
  | { state: 'signed-out'; reason: 'none' | 'refused' | 'ended' }
  | { state: 'unreachable'; retry: () => void }
  | { state: 'signed-in'; me: Me };

interface SessionValue {
  session: SessionState;
  signIn: (key: string, remember: boolean) => Promise<void>;
  signOut: () => void;
}

const SessionContext = createContext<SessionValue | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [session, setSession] = useState<SessionState>(
    initialKey === null ? { state: 'signed-out', reason: 'none' } : { state: 'checking' },
  );

  const check = useCallback(() => {
    setSession({ state: 'checking' });
    api.me().then(
      (me) => setSession({ state: 'signed-in', me }),
      (error: unknown) => {
        if (error instanceof Error && 'status' in error && (error.status === 401 || error.status === 403)) {
          setSession({ state: 'signed-out', reason: 'refused' });
        } else {
          setSession({ state: 'unreachable', retry: check });
        }
      },
    );
  }, []);

  useEffect(() => {
    setUnauthenticatedHandler(() =>
      setSession((now) => (now.state === 'signed-in' ? { state: 'signed-out', reason: 'ended' } : now)),
    );
    if (initialKey !== null) check();
  }, [check]);

  useEffect(() => {
    // A sign-in link opened while the app is open only changes the fragment.
    const onHash = () => {
      const key = takeKeyFromAddress(window.location, window.history);
      if (key === null) return;
      store(key, false);
      setKey(key);
      queries.clear();
      check();
    };
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, [check, queries]);

  const signIn = useCallback(async (key: string, remember: boolean) => {
    setKey(key);
    try {
      const me = await api.me();
      store(key, remember);
      setSession({ state: 'signed-in', me });
    } catch (error) {
      setKey(null);
      throw error;
    }
  }, []);

  const signOut = useCallback(() => {
    store(null, false);
    setKey(null);
    queries.clear();
    setSession({ state: 'signed-out', reason: 'none' });
  }, [queries]);

  const value = useMemo(() => ({ session, signIn, signOut }), [session, signIn, signOut]);
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useSession(): SessionValue {
  const value = use(SessionContext);
  if (value === null) throw new Error('useSession outside of SessionProvider');
  return value;
}

/** What the signed-in role may do; everything is refused by the server as well. */
export function useMay(): { manage: boolean; analyse: boolean; me: Me | null } {
  const { session } = useSession();
  const me = session.state === 'signed-in' ? session.me : null;
  return { manage: me?.role === 'admin', analyse: me?.role === 'admin' || me?.role === 'analyst', me };
}
