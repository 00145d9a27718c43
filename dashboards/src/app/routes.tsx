/** The app's addresses. Every page is a chunk of its own. */
import { Navigate, createBrowserRouter } from 'react-router';
import { Shell } from './Shell';
import { NotFound, RouteFailure } from './NotFound';

export const router = createBrowserRouter([
  {
    path: '/shared/:slug',
    errorElement: <RouteFailure />,
    lazy: async () => ({ Component: (await import('../pages/dashboards/SharedDashboard')).SharedDashboard }),
    HydrateFallback: () => null,
  },
  {
    path: '/',
    Component: Shell,
    errorElement: <RouteFailure />,
    HydrateFallback: () => null,
    children: [
      { index: true, element: <Navigate to="/connections" replace /> },
      { path: 'sign-in', element: <Navigate to="/connections" replace /> },
      { path: 'connections', lazy: async () => ({ Component: (await import('../pages/connections/ConnectionList')).ConnectionList }) },
      { path: 'connections/new', lazy: async () => ({ Component: (await import('../pages/connections/CreateConnection')).CreateConnection }) },
      { path: 'connections/:id', lazy: async () => ({ Component: (await import('../pages/connections/ConnectionPage')).ConnectionPage }) },
      { path: 'connections/:id/:tab', lazy: async () => ({ Component: (await import('../pages/connections/ConnectionPage')).ConnectionPage }) },
      { path: 'explore', lazy: async () => ({ Component: (await import('../pages/explore/Explore')).Explore }) },
      { path: 'definitions', lazy: async () => ({ Component: (await import('../pages/definitions/Definitions')).Definitions }) },
      { path: 'dashboards', lazy: async () => ({ Component: (await import('../pages/dashboards/DashboardList')).DashboardList }) },
      { path: 'dashboards/connection/:id', lazy: async () => ({ Component: (await import('../pages/dashboards/ConnectionDashboard')).ConnectionDashboard }) },
      { path: 'dashboards/:slug', lazy: async () => ({ Component: (await import('../pages/dashboards/DashboardPage')).DashboardPage }) },
      { path: 'sql', lazy: async () => ({ Component: (await import('../pages/sql/SqlPage')).SqlPage }) },
      { path: 'people', lazy: async () => ({ Component: (await import('../pages/people/People')).People }) },
      { path: 'operate', lazy: async () => ({ Component: (await import('../pages/operate/Operate')).Operate }) },
      { path: 'access', lazy: async () => ({ Component: (await import('../pages/access/Access')).Access }) },
      { path: '*', Component: NotFound },
    ],
  },
]);
